//! The word that somebody may have meant.

/// The one of `known` that is written most like `given`; none if it takes more changes than half of it.
pub(super) fn nearest(
    given: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    let given = given.to_ascii_lowercase();
    let all = known.map(|word| (distance(&given, word), word));
    let (changes, word) = all.min_by_key(|(changes, _)| *changes)?;
    (changes <= given.chars().count().max(word.len()) / 2).then_some(word)
}

/// How many characters must be added, left out or replaced to make one of the other (Levenshtein, 1965).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (above, left) in from.chars().enumerate() {
        let mut corner = above;
        row[0] = above + 1;
        for (at, right) in to.chars().enumerate() {
            let replaced = corner + usize::from(left != right);
            corner = row[at + 1];
            row[at + 1] = replaced.min(corner + 1).min(row[at] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_by_what_it_takes_to_write_it() {
        for (from, to, changes) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("kitten", "sitting", 3),
            ("postgers", "postgres", 2),
        ] {
            assert_eq!(distance(from, to), changes, "{from} {to}");
        }
        let known = || ["redis", "rediss", "postgres", "table"].into_iter();
        for (given, meant) in [
            ("rdis", Some("redis")),
            ("POSTGRES", Some("postgres")),
            ("tabel", Some("table")),
            ("https", None),
        ] {
            assert_eq!(nearest(given, known()), meant, "{given}");
        }
    }
}
