//! `payload_pickle.json` and `pickle_refuse.json`: what older versions and file stores pickle.

use abiding::{
    ErrorKind,
    compat::{Dict, MappingKind, Value, pickle},
};
use serde_json::Value as Json;

use crate::{
    broken,
    folder::{File, Verdict, bytes, hex, number, text, unhex},
    notation,
};

#[test]
fn sessions_are_unpickled_in_every_protocol() {
    File::open("payload_pickle.json").each("cases", |case| {
        let id = text(case, "id");
        let read = pickle::read(&stored(case));
        let Some(expected) = expected(case) else {
            assert_eq!(read.unwrap_err().kind(), ErrorKind::Corrupt, "{id}");
            return Verdict::Refused;
        };
        let session = read.unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(without_factories(&session), expected, "{id}");
        let again = pickle::write(&session).unwrap();
        assert_eq!(pickle::read(&again).unwrap(), session, "{id}");
        Verdict::Passed
    });
}

#[test]
fn legal_streams_that_cpython_would_not_write_are_read() {
    File::open("payload_pickle.json").each("hand_made", |case| {
        let session = pickle::read(&hex(case, "hex")).unwrap();
        assert_eq!(Some(session), notation::dict(&case["value"]), "{case}");
        Verdict::Passed
    });
}

#[test]
fn what_a_safe_reader_must_refuse_is_refused() {
    File::open("pickle_refuse.json").each("cases", |case| {
        let error = pickle::read(&stored(case)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", text(case, "id"));
        Verdict::Refused
    });
}

#[test]
fn a_broken_pickle_never_panics_and_what_is_read_is_written_again() {
    let (good, bad) = (
        File::open("payload_pickle.json"),
        File::open("pickle_refuse.json"),
    );
    for case in [
        good.cases("cases"),
        good.cases("hand_made"),
        bad.cases("cases"),
    ]
    .concat()
    {
        for broken in broken::all(&stored(&case)) {
            if let Ok(session) = pickle::read(&broken) {
                let again = pickle::write(&session).unwrap();
                assert_eq!(pickle::read(&again).unwrap(), session);
            }
        }
    }
}

fn stored(case: &Json) -> Vec<u8> {
    if let Some(file) = case["file"].as_str() {
        return bytes(file);
    }
    match case["build"].as_array() {
        None => hex(case, "hex"),
        Some(parts) => parts
            .iter()
            .flat_map(|part| {
                let times = part[1].as_u64().unwrap() as usize;
                unhex(part[0].as_str().unwrap()).repeat(times)
            })
            .collect(),
    }
}

/// The session; `None` for one that contains itself, which Python can and a session cannot.
fn expected(case: &Json) -> Option<Dict> {
    let Some(rule) = case["value_rule"].as_object() else {
        return notation::dict(&case["value"]);
    };
    // Too long to be spelt out: texts that repeat.
    let mut session = Dict::new();
    for name in ["t", "after"] {
        let value = match rule[name]["repeat"].as_str() {
            Some(part) => part.repeat(number(&rule[name], "times") as usize).into(),
            None => notation::value(&rule[name]).unwrap(),
        };
        session.insert(name, value);
    }
    assert_eq!(session.len(), rule.len());
    Some(session)
}

/// The notation does not tell which type makes the values of a `defaultdict`.
fn without_factories(session: &Dict) -> Dict {
    let pairs = session.iter().map(|(key, value)| {
        let value = match value {
            Value::Mapping(MappingKind::DefaultDict(Some(_)), dict) => {
                Value::Mapping(MappingKind::DefaultDict(None), dict.clone())
            }
            other => other.clone(),
        };
        (key.clone(), value)
    });
    Dict::from_pairs(pairs.collect()).unwrap()
}
