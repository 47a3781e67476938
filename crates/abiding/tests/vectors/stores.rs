//! `cachelib_*.json` and its files, `redis_*`, `memcached_*`, `sql_*`: how payloads lie in stores.

use std::time::Duration;

use abiding::{
    Timestamp,
    compat::{
        cachelib::{Entry, Header, NameHash, file_name, is_session_name},
        layout,
        payload::{self, Format},
    },
};
use serde_json::Value as Json;

use crate::{
    broken,
    folder::{File, Verdict, bytes, hex, number, text},
    notation,
};

#[test]
fn cache_files_are_read_and_written_as_cachelib_does() {
    for (name, hash, header) in CACHES {
        let file = File::open(name);
        let count = file.field("count_file");
        assert!(!is_session_name(text(count, "file_name")));
        assert!(
            Entry::read(&hex(count, "hex")).is_err(),
            "the count is no session"
        );
        file.each("cases", |case| {
            let stored = bytes(text(case, "file"));
            let entry = Entry::read(&stored).unwrap();
            assert_eq!(
                Some(entry.session()),
                notation::dict(&case["value"]).as_ref()
            );
            let expires = number(case, "expires");
            assert_eq!(i64::from(entry.expires()), expires);
            for (field, seconds) in [("readable_at_expiry", 0), ("readable_1s_after", 1)] {
                if let Some(live) = case[field].as_bool() {
                    let at = Timestamp::from_millis((expires + seconds) * 1_000);
                    assert_eq!(entry.is_live_at(at), live, "{field}");
                }
            }
            let file_named = text(case, "file_name");
            assert_eq!(file_name(text(case, "key"), hash), file_named);
            assert!(is_session_name(file_named));
            let written = entry.write(header).unwrap();
            let head = number(case, "payload_offset") as usize;
            assert_eq!(written[..head], stored[..head]);
            assert_eq!(Entry::read(&written).unwrap(), entry);
            Verdict::Passed
        });
    }
}

#[test]
fn a_broken_cache_file_never_panics() {
    for (name, ..) in CACHES {
        for case in File::open(name).cases("cases") {
            for broken in broken::all(&bytes(text(case, "file"))) {
                if let Ok(entry) = Entry::read(&broken) {
                    assert_eq!(
                        Entry::read(&entry.write(Header::Binary).unwrap()).unwrap(),
                        entry
                    );
                }
            }
        }
    }
}

#[test]
fn redis_holds_what_every_version_put_there() {
    for name in [
        "redis_flask_session_050.json",
        "redis_flask_session_060.json",
        "redis_flask_session_070.json",
        "redis_flask_session_080.json",
    ] {
        File::open(name).each("redis", |case| {
            let stored = hex(case, "value_hex");
            let format = check_payload(case, &stored, text(case, "format"));
            assert_eq!(
                layout::store_key(layout::DEFAULT_PREFIX, text(case, "sid")),
                text(case, "key")
            );
            let lifetime = Duration::from_secs(number(case, "lifetime_s") as u64);
            assert_eq!(
                layout::redis_seconds(lifetime) as i64,
                number(case, "ttl_s")
            );
            if let Some(format) = format {
                let session = payload::read(&stored, format).unwrap();
                assert_eq!(payload::write(&session, format).unwrap(), stored);
            }
            Verdict::Passed
        });
    }
}

/// Whatever format the reader is set to; the one it was written in, if we write that.
fn check_payload(case: &Json, stored: &[u8], format: &str) -> Option<Format> {
    let expected = notation::dict(&case["value"]);
    for reader in [Format::Json, Format::Msgpack] {
        assert_eq!(Some(payload::read(stored, reader).unwrap()), expected);
    }
    match format {
        "json" => Some(Format::Json),
        "msgpack" => Some(Format::Msgpack),
        "pickle" => None,
        other => panic!("{other}"),
    }
}

#[test]
fn memcached_is_told_what_every_client_library_told_it() {
    for name in [
        "memcached_flask_session_050.json",
        "memcached_flask_session_060.json",
        "memcached_flask_session_070.json",
        "memcached_flask_session_080.json",
    ] {
        File::open(name).each("memcached", |case| {
            let wire = &case["wire"];
            let key = layout::store_key(layout::DEFAULT_PREFIX, text(case, "sid"));
            assert_eq!(key, text(wire, "key"));
            assert!(layout::is_memcached_key(&key));
            let lifetime = Duration::from_secs(number(case, "lifetime_s") as u64);
            let now = Timestamp::from_millis(number(case, "at") * 1_000);
            assert_eq!(
                layout::memcached_expiry(lifetime, now) as i64,
                number(wire, "exptime")
            );
            assert!(
                !payload::read(&hex(wire, "hex"), Format::Msgpack)
                    .unwrap()
                    .is_empty()
            );
            Verdict::Passed
        });
    }
}

#[test]
fn sql_rows_hold_what_every_version_put_there() {
    for name in [
        "sql_flask_session_050.json",
        "sql_flask_session_060.json",
        "sql_flask_session_070.json",
        "sql_flask_session_080.json",
    ] {
        let mut rows = 0;
        for engine in File::open(name).cases("sql") {
            for row in engine["rows"].as_array().into_iter().flatten() {
                rows += 1;
                let key = layout::store_key(layout::DEFAULT_PREFIX, text(row, "sid"));
                assert_eq!(key, text(row, "session_id"));
                let session = payload::read(&hex(row, "data_hex"), Format::Msgpack).unwrap();
                assert_eq!(Some(session), notation::dict(&row["value"]));
                let Some(expiry) = row["expiry_text"].as_str() else {
                    continue;
                };
                let read = layout::read_sql_expiry(expiry).unwrap();
                let expected = row["at"].as_f64().unwrap() + row["lifetime_s"].as_f64().unwrap();
                assert!(
                    (read.unix_micros() as f64 / 1e6 - expected).abs() < 1.0,
                    "{expiry}"
                );
                if engine["engine"] == "sqlite" {
                    assert_eq!(layout::sql_expiry(read).as_deref(), Some(expiry));
                }
            }
        }
        println!("{name}: {rows} rows");
        assert!(rows >= 6, "{name}");
    }
}

const CACHES: [(&str, NameHash, Header); 3] = [
    ("cachelib_0060.json", NameHash::Md5, Header::Pickled),
    ("cachelib_0102.json", NameHash::Md5, Header::Binary),
    ("cachelib_0170.json", NameHash::Sha256, Header::Binary),
];
