//! The table, how a key becomes a row's number, and the steps from an older schema to this one.
//!
//! The file may be the application's own: the version of the schema therefore lies in a table of its
//! own, and `PRAGMA user_version` is left to the application. Byte for byte: `docs/format.md`.

use std::path::Path;

use abiding::{Error, ErrorKind, StoreKey};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::failure::Failure;

/// Marks a file that was made for sessions: "abid".
pub(super) const APPLICATION_ID: i32 = 0x6162_6964;

/// Step `n` leads from version `n` to version `n + 1`. Never edit one that was released.
const STEPS: &[&str] = &[
    // `id` comes first of all because a lookup by it is one descent of one tree; the key itself
    // is compared in the same row. `sweep_at` is never later than `ends`: a session that is used moves
    // `ends` alone, so that the index is written when a session begins and when it ends, and not in
    // between. `payload` comes last, where a long one does not stand between the others and their page.
    "CREATE TABLE abiding_sessions (
         id INTEGER PRIMARY KEY,
         key BLOB NOT NULL,
         kind INTEGER NOT NULL,
         ends INTEGER NOT NULL,
         sweep_at INTEGER NOT NULL,
         created INTEGER NOT NULL,
         seen INTEGER NOT NULL,
         idle_deadline INTEGER NOT NULL,
         absolute_deadline INTEGER NOT NULL,
         version INTEGER NOT NULL,
         subject BLOB,
         payload BLOB NOT NULL
     ) STRICT;
     CREATE INDEX abiding_sessions_sweep ON abiding_sessions (sweep_at);
     CREATE INDEX abiding_sessions_subject ON abiding_sessions (subject) WHERE subject IS NOT NULL;",
];

/// The schema that this release reads and writes.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// The catalogue says the same.
const _: () = match crate::catalogue::sqlite::KIND.schema {
    Some(schema) => assert!(schema as i64 == VERSION),
    None => panic!(),
};

/// The number of the row for `key`: its first eight bytes, in the order of the keys.
pub(super) fn row_id(key: &StoreKey) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *key.as_bytes();
    // Numbers are signed in SQLite: the flipped bit makes them sort as the bytes do.
    i64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ i64::MIN
}

/// Brings the schema to [`VERSION`], in one transaction: of two processes that start at once, one
/// migrates and the other finds it done.
pub(super) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), Failure> {
    if admit(conn, path)? == VERSION {
        return Ok(());
    }
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Again, now that nobody else can change it.
    let version = admit(&transaction, path)?;
    if version == 0 {
        transaction
            .execute_batch("CREATE TABLE abiding_schema (version INTEGER NOT NULL) STRICT")?;
        transaction.execute("INSERT INTO abiding_schema VALUES (0)", ())?;
        if is_empty(&transaction)? {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
    }
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.execute("UPDATE abiding_schema SET version = ?1", [VERSION])?;
    Ok(transaction.commit()?)
}

/// The version of the schema in the file, 0 if there is none. Refuses files that are not for us.
fn admit(conn: &Connection, path: &Path) -> Result<i64, Failure> {
    let owner: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if owner != 0 && owner != APPLICATION_ID {
        return Err(refused(
            path,
            "belongs to another program: give the sessions a file of their own",
        ));
    }
    let known = conn
        .prepare("SELECT 1 FROM sqlite_schema WHERE name = 'abiding_schema'")?
        .exists(())?;
    if !known {
        return Ok(0);
    }
    let version: Option<i64> = conn
        .query_row("SELECT max(version) FROM abiding_schema", (), |row| {
            row.get(0)
        })
        .optional()?
        .flatten();
    match version {
        Some(version @ 1..=VERSION) => Ok(version),
        Some(version) if version > VERSION => {
            let what = format!(
                "has schema {version} and this release knows {VERSION}: run the newer release, or restore a backup"
            );
            Err(refused(path, &what))
        }
        _ => Err(refused(
            path,
            "has a table abiding_schema that this library did not write: move it away",
        )),
    }
}

/// Whether the application keeps nothing in this file.
fn is_empty(conn: &Connection) -> Result<bool, Failure> {
    Ok(!conn
        .prepare("SELECT 1 FROM sqlite_schema WHERE name <> 'abiding_schema'")?
        .exists(())?)
}

fn refused(path: &Path, what: &str) -> Failure {
    Error::new(
        ErrorKind::Unavailable,
        "open",
        format!("the database {} {what}", path.display()),
    )
    .into()
}
