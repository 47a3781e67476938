use super::*;
use crate::{
    compat::{Text, payload::Format},
    store::sample,
};

const NOW: Timestamp = Timestamp::from_millis(1_770_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);

fn settings() -> FlaskSession {
    FlaskSession::new().lifetime(MINUTE)
}

fn key() -> StoreKey {
    StoreKey::of_sid("f9a3b1de-3f0c-4a37-9f0e-4d0a7a4c1b2e").unwrap()
}

fn dict(pairs: Vec<(Value, Value)>) -> Dict {
    Dict::from_pairs(pairs).unwrap()
}

/// As Flask-Session would have it: every kind of pair, in an order of its own.
fn foreign() -> Dict {
    dict(vec![
        ("_permanent".into(), true.into()),
        (
            "user".into(),
            Value::Tuple(vec![7_i64.into(), "ada".into()]),
        ),
        (7_i64.into(), Value::Set(vec![])),
        (
            Value::Str(Text::from_code_points([0xd800]).unwrap()),
            1.5.into(),
        ),
        (
            "_flashes".into(),
            Value::List(vec![Value::Tuple(vec!["info".into(), "hi".into()])]),
        ),
    ])
}

/// What a format makes of a map that keeps every type.
#[expect(clippy::unnecessary_wraps, reason = "others may fail")]
fn kept(dict: &Dict) -> Result<Dict> {
    Ok(dict.clone())
}

fn read(dict: &Dict, ends: Timestamp) -> Row {
    settings().read(&key(), dict, Some(ends), NOW).unwrap()
}

fn record(row: Row) -> Record {
    match row {
        Row::Record(record) => record,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_map_that_is_read_and_written_is_the_same_map() {
    let ends = NOW.after(MINUTE);
    let found = record(read(&foreign(), ends));
    assert_eq!((found.deadline(), found.seen), (ends, NOW));
    let written = settings()
        .write(&Row::Record(found.clone()), Some(&foreign()), kept)
        .unwrap();
    assert_eq!(written.dict, foreign());
    assert_eq!((written.ends, written.version), (ends, found.version));
    assert!(!written.tells_its_end);
}

#[test]
fn a_change_touches_its_own_pairs_only() {
    let found = Found::new(key(), record(read(&foreign(), NOW.after(MINUTE))));
    let change = sample::change(NOW, &[("new", "1")], &["_flashes"]);
    let row = Row::Record(change.apply(&found).unwrap());
    let written = settings().write(&row, Some(&foreign()), kept).unwrap();
    let mut expected = foreign();
    expected.remove("_flashes");
    expected.insert("new", "1");
    assert_eq!(written.dict, expected);
    assert_ne!(written.version, found.record.version);
}

#[test]
fn what_flask_session_has_no_word_for_comes_back() {
    for record in [
        sample::record_of("ada", NOW, NOW.after(MINUTE * 60), &[("a", "1")]),
        sample::idling_record(NOW, NOW.after(MINUTE), MINUTE / 2, &[("a", "1")]),
        Record::new(*b"not what was written", NOW, NOW.after(MINUTE)),
    ] {
        let until = NOW.after(MINUTE / 3);
        for row in [
            Row::Record(record.clone()),
            Row::Snapshot { record, until },
            Row::Alias { to: key(), until },
            Row::Alias {
                to: sample::key(),
                until,
            },
        ] {
            let written = settings().write(&row, None, kept).unwrap();
            assert!(written.tells_its_end);
            assert_eq!(read(&written.dict, NOW.after(MINUTE * 99)), row);
        }
    }
}

/// A session that Flask-Session begins where another one moved from or ended is a session.
#[test]
fn a_marker_in_a_map_that_somebody_changed_counts_no_more() {
    let until = NOW.after(MINUTE);
    let rows = [
        Row::Alias {
            to: sample::key(),
            until,
        },
        Row::Snapshot {
            record: sample::record(NOW, until, &[("a", "1")]),
            until,
        },
    ];
    for row in rows {
        let mut dict = settings().write(&row, None, kept).unwrap().dict;
        dict.insert("user", "ada");
        let found = record(read(&dict, until));
        assert_eq!(found.deadline(), until);
    }
    let mut dict = settings()
        .write(
            &Row::Record(sample::record_of("ada", NOW, until, &[("n", "1")])),
            None,
            kept,
        )
        .unwrap()
        .dict;
    let before = record(read(&dict, until));
    dict.insert("n", "2");
    let after = record(read(&dict, until));
    assert_ne!(before.version, after.version);
    assert_eq!(before.subject, after.subject);
}

/// Otherwise all of its versions would be one, and two that move it at once would not notice each other.
#[test]
fn a_type_that_a_format_has_no_word_for_is_no_change_by_somebody_else() {
    let until = NOW.after(MINUTE);
    let flash = Value::Tuple(vec!["info".into(), "hi".into()]);
    let base = dict(vec![("_flashes".into(), Value::List(vec![flash]))]);
    let plain = record(read(&base, until));
    let settings = [Format::Json, Format::Msgpack].map(|format| settings().format(format));
    for settings in settings {
        let stored = |dict: &Dict| settings.decode(&settings.encode(dict)?);
        let mut signed_in = sample::record_of("ada", NOW, until, &[]);
        signed_in.payload = plain.payload.clone();
        let rows = [
            Row::Record(plain.clone()),
            Row::Record(signed_in),
            Row::Snapshot {
                record: plain.clone(),
                until,
            },
        ];
        for row in rows {
            let written = settings.write(&row, Some(&base), stored).unwrap();
            let read = read(&stored(&written.dict).unwrap(), until);
            assert_eq!(written.dict.get("_flashes"), base.get("_flashes"));
            match (row, read) {
                (Row::Record(_), Row::Record(found)) => assert_eq!(found.version, written.version),
                (Row::Snapshot { .. }, Row::Snapshot { .. }) => {}
                (row, read) => panic!("{row:?} is {read:?}"),
            }
        }
    }
}

#[test]
fn permanence_is_written_where_flask_session_writes_it() {
    let flag = |dict: &Dict| dict.get(PERMANENT).cloned();
    for (stored, persistent, written) in [
        (None, true, Some(true.into())),
        (None, false, None),
        (Some(true), false, Some(false.into())),
        (Some(true), true, Some(true.into())),
        (Some(false), false, Some(false.into())),
    ] {
        let mut map = dict(vec![("a".into(), 1_i64.into())]);
        if let Some(stored) = stored {
            map.insert(PERMANENT, stored);
        }
        let found = Found::new(key(), record(read(&map, NOW.after(MINUTE))));
        let mut change = sample::change(NOW, &[], &[]);
        change.edit.persistent = Some(persistent);
        let row = Row::Record(change.apply(&found).unwrap());
        let new = settings().write(&row, Some(&map), kept).unwrap().dict;
        assert_eq!(flag(&new), written, "{stored:?}, then {persistent}");
        assert!(
            stored.is_some() || !persistent || new.iter().next().unwrap().0 == "_permanent".into()
        );
    }
}

#[test]
fn every_era_is_read_and_the_chosen_one_is_written() {
    let mut dict = Dict::new();
    dict.insert("a", 7_i64);
    for (settings, bytes) in [
        (settings(), &b"\x81\xa1a\x07"[..]),
        (settings().format(Format::Json), b"{\"a\":7}"),
        (settings().pickled(), b"\x80\x04}(\x8c\x01a\x8a\x01\x07u."),
    ] {
        assert_eq!(settings.decode(bytes).unwrap(), dict);
        assert_eq!(settings.encode(&dict).unwrap(), bytes, "{settings:?}");
    }
}

#[test]
fn debug_does_not_leak_the_secret() {
    let secrets = crate::compat::signer::Secrets::new("hunter2").unwrap();
    assert!(!format!("{:?}", settings().signed(secrets)).contains("hunter2"));
}
