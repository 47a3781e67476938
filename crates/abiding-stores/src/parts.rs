//! Many rows, in parts that a server takes in one message.

/// Parts of up to [`BYTES`] each, one row at least.
pub(crate) fn parts<T>(mut rows: &[T], length: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut parts = Vec::new();
    while !rows.is_empty() {
        let mut bytes = 0;
        let fits = |row: &&T| {
            bytes += length(row);
            bytes <= BYTES
        };
        let count = rows.iter().take_while(fits).count().max(1);
        let (part, rest) = rows.split_at(count);
        parts.push(part);
        rows = rest;
    }
    parts
}

/// The payloads of one message, of which MySQL takes 16 MiB by default, each byte as two digits.
const BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_no_longer_than_it_may_be_unless_a_single_row_is() {
        let rows = [BYTES / 2, BYTES / 2, 1, 2 * BYTES, 1];
        let parts = parts(&rows, |length| *length);
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [2, 1, 1, 1]);
        assert_eq!(parts.concat(), rows);
    }
}
