//! What is shown of one session: what its store knows, and with the keys what it holds.

use abiding::{Timestamp, inspect::Content};
use serde_json::{Map, Value, json, value::RawValue};

use super::select::Met;
use crate::{moment::spelled, place::Place};

/// Who is signed in: by name where the keys or the layout tell, else by the beginning of a hash.
pub(super) fn subject(met: &Met) -> Option<String> {
    if let Some(content) = &met.content {
        return content.info.subject.clone().or_else(|| {
            let said = content.values.iter().find(|(key, _)| key == "_user_id");
            said.map(|(_, value)| value.trim_matches('"').to_owned())
        });
    }
    let hash = met.found.record.subject?;
    let digits: String = hash.as_bytes()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(format!("#{digits}"))
}

/// A session as JSON.
pub(super) fn object(place: &Place, met: &Met, reveal: bool) -> Value {
    let record = &met.found.record;
    let mut object = json!({
        "handle": place.handle(&met.found.key),
        "created": spelled(record.created),
        "seen": spelled(record.seen),
        "idle_deadline": instant(record.idle_deadline),
        "absolute_deadline": instant(record.absolute_deadline),
        "bytes": record.payload.len(),
        "version": record.version.number(),
        "subject": subject(met),
    });
    if let (Some(content), Some(fields)) = (&met.content, object.as_object_mut()) {
        fields.insert(
            "application_handle".to_owned(),
            content.info.handle.clone().into(),
        );
        fields.insert("device".to_owned(), content.info.device.clone().into());
        fields.insert(
            "signed_in".to_owned(),
            content.info.authenticated.map(spelled).into(),
        );
        fields.insert("values".to_owned(), values(content, reveal));
    }
    object
}

/// The values under their keys: as they are, or what kind each is and how long.
fn values(content: &Content, reveal: bool) -> Value {
    let shown = content.values.iter().map(|(key, json)| {
        let value = match serde_json::from_str(json) {
            Ok(value) if reveal => value,
            _ => Value::from(masked(json)),
        };
        (key.clone(), value)
    });
    Value::Object(shown.collect::<Map<_, _>>())
}

/// A value without what it says: `text of 12 bytes`.
pub(super) fn masked(json: &str) -> String {
    let kind = match json.as_bytes().first() {
        Some(b'"') => "text",
        Some(b'{') => "object",
        Some(b'[') => "list",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => return "null".to_owned(),
        _ => "number",
    };
    match kind {
        "boolean" | "number" => kind.to_owned(),
        _ => format!("{kind} of {} bytes", json.len()),
    }
}

/// A value on one line, as JSON.
pub(super) fn revealed(json: &str) -> String {
    let raw: Result<&RawValue, _> = serde_json::from_str(json);
    raw.map_or_else(|_| masked(json), |raw| raw.get().to_owned())
}

fn instant(instant: Timestamp) -> Option<String> {
    (instant != Timestamp::MAX).then(|| spelled(instant))
}

/// Bytes in a unit that leaves a few digits.
pub(super) fn bytes(count: usize) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{} KB", count / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", count / 1_000_000),
        _ => format!("{} GB", count / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_value_tells_its_kind_and_length_and_nothing_of_it() {
        for (json, told) in [
            ("\"secret\"", "text of 8 bytes"),
            ("[1,2]", "list of 5 bytes"),
            ("{\" t\":[1]}", "object of 10 bytes"),
            ("true", "boolean"),
            ("-12.5", "number"),
            ("null", "null"),
            ("", "number"),
        ] {
            assert_eq!(masked(json), told);
        }
    }
}
