//! A survey, as one statement that the server answers by itself.

use std::fmt::Write as _;

use abiding::{
    Timestamp,
    store::{Census, Question},
};

/// The statement. What is in it are numbers, and the name of the table, which is quoted already.
pub(crate) fn question(table: &str, question: &Question, now: Timestamp) -> String {
    let what = match &question.steps {
        None => "count(*)".into(),
        Some(steps) => {
            let since = steps.idle.iter().map(|idle| now.before(*idle).as_millis());
            let idle = class(since.map(|seen| format!("seen > {seen}")));
            let size = class(steps.size.iter().map(|size| format!("{SIZE} < {size}")));
            format!(
                "count(*), {idle}, {size}, count(subject), sum({SIZE}), max({SIZE}), min(created)"
            )
        }
    };
    let mut text = format!(
        "SELECT {what} FROM {table} WHERE kind = 0 AND ends > {}",
        now.as_millis()
    );
    let all = Question::all();
    for (column, compared, at, any) in [
        ("created", ">=", question.created_from, all.created_from),
        ("created", "<=", question.created_by, all.created_by),
        ("seen", "<=", question.seen_by, all.seen_by),
        ("ends", "<=", question.ends_by, all.ends_by),
    ] {
        if at != any {
            let _ = write!(text, " AND {column} {compared} {}", at.as_millis());
        }
    }
    if question.steps.is_some() {
        text += " GROUP BY 2, 3";
    }
    text
}

/// The number of the first of these that holds, or of the class after all of them.
fn class(steps: impl Iterator<Item = String>) -> String {
    let mut cases = String::new();
    let mut last = 0;
    for (number, step) in steps.enumerate() {
        let _ = write!(cases, " WHEN {step} THEN {number}");
        last = number + 1;
    }
    // A number by itself would name a column in `GROUP BY`.
    if last == 0 {
        return "(CASE WHEN 1 = 1 THEN 0 END)".into();
    }
    format!("(CASE{cases} ELSE {last} END)")
}

/// What the answer says; `None` where it is none to this question.
pub(crate) fn census(question: &Question, rows: &[Vec<i64>]) -> Option<Census> {
    let mut census = Census::begin(question);
    for row in rows {
        let count = |number: &i64| u64::try_from(*number).ok();
        if question.steps.is_none() {
            census.sessions += count(row.first()?)?;
            continue;
        }
        let [sessions, idle, size, subjects, bytes, largest, oldest] = &row[..] else {
            return None;
        };
        let (sessions, oldest) = (count(sessions)?, Timestamp::from_millis(*oldest));
        census.sessions += sessions;
        *census.idle.get_mut(usize::try_from(*idle).ok()?)? += sessions;
        *census.size.get_mut(usize::try_from(*size).ok()?)? += sessions;
        census.with_subject += count(subjects)?;
        census.bytes += count(bytes)?;
        census.largest = census.largest.max(count(largest)?);
        census.oldest = Some(census.oldest.map_or(oldest, |known| known.min(oldest)));
    }
    Some(census)
}

const SIZE: &str = "octet_length(payload)";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(10_000);

    #[test]
    fn a_statement_has_the_conditions_that_were_given() {
        assert_eq!(
            question("t", &Question::all(), NOW),
            "SELECT count(*) FROM t WHERE kind = 0 AND ends > 10000"
        );
        let mut narrow = Question::all().sorted(vec![Duration::from_secs(1)], vec![]);
        narrow.seen_by = Timestamp::from_millis(-7);
        assert_eq!(
            question("t", &narrow, NOW),
            "SELECT count(*), (CASE WHEN seen > 9000 THEN 0 ELSE 1 END), (CASE WHEN 1 = 1 THEN 0 END), count(subject), \
             sum(octet_length(payload)), max(octet_length(payload)), min(created) FROM t \
             WHERE kind = 0 AND ends > 10000 AND seen <= -7 GROUP BY 2, 3"
        );
    }

    #[test]
    fn the_classes_of_an_answer_are_added_up() {
        let sorted = Question::all().sorted(vec![Duration::from_secs(1)], vec![]);
        let rows = [vec![3, 0, 0, 1, 30, 20, 500], vec![2, 1, 0, 2, 9, 5, 400]];
        let told = census(&sorted, &rows).unwrap();
        assert_eq!(
            (told.sessions, told.with_subject, told.bytes, told.largest),
            (5, 3, 39, 20)
        );
        assert_eq!((told.idle, told.size), (vec![3, 2], vec![5]));
        assert_eq!(told.oldest, Some(Timestamp::from_millis(400)));
        assert_eq!(census(&sorted, &[vec![1]]), None);
        assert_eq!(census(&sorted, &[]).unwrap().sessions, 0);
        assert_eq!(census(&Question::all(), &[vec![7]]).unwrap().sessions, 7);
    }
}
