//! The statements, as text for one table.
//!
//! What changes one row is one statement, which the server prepares once for each connection. What changes
//! two is several in one message, from the begin of the transaction to its end: none is ever open
//! while this side waits, but for the two of a maintainer ([`sweep`](super::sweep) and `end_subject`).

use std::sync::Arc;

use mysql_async::Value;

use crate::table::COLUMNS;

/// The text of all statements for one table. `?` stands for a value.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    pub(super) find: Arc<str>,
    pub(super) follow: Arc<str>,
    pub(super) create: Arc<str>,
    pub(super) replace: Arc<str>,
    pub(super) touch: Arc<str>,
    pub(super) farewell: Arc<str>,
    pub(super) scan: Arc<str>,
    pub(super) of_subject: Arc<str>,
    pub(super) rotate: Arc<str>,
    pub(super) delete: Arc<str>,
    pub(super) farewell_and_aliases: Arc<str>,
    pub(super) hold: Arc<str>,
    pub(super) hold_subject: Arc<str>,
    pub(super) remove_held: Arc<str>,
    pub(super) due: Arc<str>,
    pub(super) sweep: Arc<str>,
}

impl Texts {
    /// For a table, whose name is quoted already.
    pub(super) fn new(table: &str) -> Self {
        let columns = COLUMNS.map(|name| format!("`{name}`")).join(", ");
        let for_table = |text: &str| {
            let text = text.replace("{farewell}", FAREWELL);
            let text = text.replace("{table}", table);
            text.replace("{columns}", &columns).into()
        };
        Self {
            find: for_table(FIND),
            follow: for_table(FOLLOW),
            create: for_table(CREATE),
            replace: for_table(REPLACE),
            touch: for_table(TOUCH),
            farewell: for_table(FAREWELL),
            scan: for_table(SCAN),
            of_subject: for_table(OF_SUBJECT),
            rotate: for_table(ROTATE),
            delete: for_table(DELETE),
            farewell_and_aliases: for_table(FAREWELL_AND_ALIASES),
            hold: for_table(HOLD),
            hold_subject: for_table(HOLD_SUBJECT),
            remove_held: for_table(REMOVE_HELD),
            due: for_table(DUE),
            sweep: for_table(SWEEP),
        }
    }
}

/// Several statements with their values in the text: the server prepares only one at a time.
pub(super) fn script(text: &str, values: impl IntoIterator<Item = Value>) -> String {
    let mut values = values.into_iter();
    let mut script = String::new();
    for (at, part) in text.split('?').enumerate() {
        if at > 0 {
            script += &values
                .next()
                .as_ref()
                .map_or_else(|| "NULL".into(), literal);
        }
        script += part;
    }
    script
}

/// Keys as they stand in the brackets of `IN`. What is in none of the rows stands for none.
pub(super) fn list<'a>(keys: impl IntoIterator<Item = &'a abiding::StoreKey>) -> String {
    let keys: Vec<_> = keys.into_iter().map(|key| hex(key.as_bytes())).collect();
    if keys.is_empty() {
        return "NULL".into();
    }
    keys.join(", ")
}

/// A value as it stands in the text of a statement. Numbers and digits: no text of anybody's is among them.
fn literal(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => hex(bytes),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        _ => "NULL".into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len() + 3);
    text.push_str("x'");
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text.push('\'');
    text
}

const FIND: &str = "SELECT {columns} FROM {table} WHERE `key` = ?";

/// The row under the key and those that aliases lead to, in their order, of one moment. Values: now, key,
/// now, hops.
const FOLLOW: &str = "WITH RECURSIVE way (hop, here, next) AS ( \
     SELECT 1, `key`, CASE WHEN kind = 1 AND ends > ? THEN CAST(payload AS BINARY(32)) END \
     FROM {table} WHERE `key` = ? UNION ALL \
     SELECT hop + 1, t.`key`, CASE WHEN t.kind = 1 AND t.ends > ? THEN CAST(t.payload AS BINARY(32)) END \
     FROM way JOIN {table} AS t ON t.`key` = way.next WHERE way.hop < ?) \
     SELECT {columns} FROM way JOIN {table} AS t ON t.`key` = way.here ORDER BY way.hop";

/// Values: the key, those of the record, and its end once more.
const CREATE: &str = "INSERT INTO {table} (`key`, ends, created, seen, idle_deadline, absolute_deadline, version, \
     subject, payload, sweep_at, kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)";

/// Values: the end, those of the record, and how it was read. `created` never changes: it is named so that
/// the values are those of every record.
const REPLACE: &str = "UPDATE {table} SET sweep_at = LEAST(sweep_at, ?), ends = ?, created = ?, seen = ?, \
     idle_deadline = ?, absolute_deadline = ?, version = ?, subject = ?, payload = ? \
     WHERE `key` = ? AND kind = 0 AND version = ? AND seen = ? AND idle_deadline = ?";

/// Values: now, deadline, deadline, key, now. Assignments are made from left to right, so `ends` comes before
/// what it is made of. No column that is written lies in an index, and what stays the same is not written.
const TOUCH: &str = "UPDATE {table} SET seen = GREATEST(seen, ?), \
     ends = LEAST(GREATEST(idle_deadline, ?), absolute_deadline), idle_deadline = GREATEST(idle_deadline, ?) \
     WHERE `key` = ? AND kind = 0 AND ends > ?";

/// Values: the end, those of what is left in the place of the session, and how that was read.
const FAREWELL: &str = "UPDATE {table} SET sweep_at = ?, ends = ?, created = ?, seen = ?, \
     idle_deadline = ?, absolute_deadline = ?, version = ?, subject = ?, payload = ?, kind = 2 \
     WHERE `key` = ? AND kind = 0 AND version = ? AND seen = ? AND idle_deadline = ?";

const SCAN: &str = "SELECT {columns} FROM {table} WHERE `key` > ? AND kind = 0 AND ends > ? ORDER BY `key` LIMIT ?";

const OF_SUBJECT: &str = "SELECT {columns} FROM {table} WHERE subject = ? AND kind = 0 AND ends > ? \
     ORDER BY seen DESC, `key`";

/// Values: kind, end, end, subject and payload of what is left, how the session was read, and what
/// [`CREATE`] takes. A taken key fails it, as a whole.
const ROTATE: &str = "START TRANSACTION; \
     UPDATE {table} SET kind = ?, ends = ?, sweep_at = ?, subject = ?, payload = COALESCE(?, payload) \
     WHERE `key` = ? AND kind = 0 AND version = ? AND seen = ? AND idle_deadline = ?; \
     SET @abiding = ROW_COUNT(); \
     INSERT INTO {table} (`key`, ends, created, seen, idle_deadline, absolute_deadline, version, \
     subject, payload, sweep_at, kind) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0 FROM DUAL WHERE @abiding = 1; \
     COMMIT";

/// Values: key, now, key, now. `{aliases}` lead to it, and go with it.
const DELETE: &str = "START TRANSACTION; \
     DELETE FROM {table} WHERE `key` = ? AND kind <> 1 AND ends > ?; \
     SET @abiding = ROW_COUNT(); \
     DELETE FROM {table} WHERE `key` = ? AND kind <> 1 AND ends <= ?; \
     SET @abiding = @abiding + ROW_COUNT(); \
     DELETE FROM {table} WHERE `key` IN ({aliases}) AND kind = 1 AND @abiding > 0; \
     COMMIT";

const FAREWELL_AND_ALIASES: &str = "START TRANSACTION; \
     {farewell}; \
     SET @abiding = ROW_COUNT(); \
     DELETE FROM {table} WHERE `key` IN ({aliases}) AND kind = 1 AND @abiding > 0; \
     COMMIT";

/// One step on the way to the session that is to be spared, which nobody moves meanwhile.
const HOLD: &str = "SELECT {columns} FROM {table} WHERE `key` = ? FOR UPDATE";

/// Everything of a subject. In a transaction of repeatable reads this holds the gaps as well: no rotation
/// that is just under way brings in a row behind our back.
const HOLD_SUBJECT: &str =
    "SELECT `key`, kind, ends FROM {table} FORCE INDEX (whose) WHERE subject = ? FOR UPDATE";

const REMOVE_HELD: &str = "DELETE FROM {table} WHERE `key` IN ({keys}); COMMIT";

/// Values: now, limit. Rows whose time may have come, and that nobody holds. A session that is used moves
/// its end and not its place in the index, so each is met here once in an idle timeout.
const DUE: &str = "START TRANSACTION; \
     SELECT `key`, ends FROM {table} FORCE INDEX (due) WHERE sweep_at <= ? ORDER BY sweep_at LIMIT ? \
     FOR UPDATE SKIP LOCKED";

/// Removes those that are over, and puts the others back behind their end.
const SWEEP: &str = "DELETE FROM {table} WHERE `key` IN ({over}); \
     UPDATE {table} SET sweep_at = ends WHERE `key` IN ({later}); COMMIT";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_the_places_of_their_marks() {
        let values = [Value::Bytes(vec![0x0f, 0xa0]), Value::Int(-1), Value::NULL];
        assert_eq!(script("a ? b ? c ? d", values), "a x'0fa0' b -1 c NULL d");
    }
}
