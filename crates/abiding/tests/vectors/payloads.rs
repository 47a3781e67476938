//! `payload_msgpack.json`, `payload_json.json`, `payload_foreign.json`: what Flask-Session stores.

use abiding::{
    ErrorKind,
    compat::{
        Value, json, msgpack,
        payload::{self, Format},
    },
};
use serde_json::Value as Json;

use crate::{
    broken,
    folder::{File, Verdict, hex, text},
    notation,
};

#[test]
fn sessions_are_packed_as_flask_session_packs_them() {
    File::open("payload_msgpack.json").each("cases", |case| check(case, Format::Msgpack));
}

#[test]
fn sessions_are_written_in_json_as_flask_session_writes_them() {
    File::open("payload_json.json").each("cases", |case| check(case, Format::Json));
}

fn check(case: &Json, format: Format) -> Verdict {
    let id = text(case, "id");
    let session = notation::dict(&case["value"]);
    if case["encode_error"].is_object() {
        return match session {
            None => Verdict::Foreign,
            Some(session) => {
                let error = payload::write(&session, format).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Encode, "{id}");
                Verdict::Refused
            }
        };
    }
    let stored = hex(case, "hex");
    let decoded = match case["decodes_to"].is_null() {
        true => session.clone().unwrap(),
        false => notation::dict(&case["decodes_to"]).unwrap(),
    };
    assert_eq!(payload::read(&stored, format).unwrap(), decoded, "{id}");
    // An application's own class is read as what it was stored as, and written by nobody here.
    let Some(session) = session else {
        return Verdict::Foreign;
    };
    assert_eq!(payload::write(&session, format).unwrap(), stored, "{id}");
    Verdict::Passed
}

#[test]
fn bytes_of_other_origins_are_judged_as_flask_session_judges_them() {
    File::open("payload_foreign.json").each("cases", |case| {
        let stored = hex(case, "hex");
        let mut accepted = 0;
        for (field, format) in [("as_msgpack", Format::Msgpack), ("as_json", Format::Json)] {
            let (id, expected) = (text(case, "id"), &case[field]);
            let read = payload::read_value(&stored, format);
            match expected.get("value") {
                Some(value) => {
                    assert_eq!(
                        read.unwrap(),
                        notation::value(value).unwrap(),
                        "{id} {field}"
                    );
                    accepted += 1;
                }
                None => assert_eq!(read.unwrap_err().kind(), ErrorKind::Corrupt, "{id} {field}"),
            }
        }
        match accepted {
            0 => Verdict::Refused,
            _ => Verdict::Passed,
        }
    });
}

#[test]
fn a_broken_payload_never_panics_and_what_is_read_is_written_again() {
    for name in [
        "payload_msgpack.json",
        "payload_json.json",
        "payload_foreign.json",
    ] {
        for case in File::open(name)
            .cases("cases")
            .iter()
            .filter(|case| case["hex"].is_string())
        {
            for broken in broken::all(&hex(case, "hex")) {
                for (read, format) in [
                    (msgpack::read(&broken), Format::Msgpack),
                    (json::read(&broken), Format::Json),
                ] {
                    let Ok(Value::Dict(session)) = read else {
                        continue;
                    };
                    // An extension is kept as MessagePack has it; JSON has none.
                    let again = payload::write(&session, format).unwrap();
                    assert_eq!(payload::read(&again, format).unwrap(), session);
                }
            }
        }
    }
}
