//! What the demo's database holds: the applications, read as any other program would read the file.

use std::{collections::BTreeMap, fs, path::PathBuf};

use abiding_demo_e2e::Demo;
use rusqlite::{Connection, OpenFlags, types::Value};

use crate::form::{Answers, DERIVED, FORM};

/// One application: each column that holds text.
pub(crate) type Application = BTreeMap<String, String>;

/// The applications that were submitted, oldest first.
pub(crate) fn submitted(demo: &Demo) -> Vec<Application> {
    let connection = Connection::open_with_flags(file(demo), OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the database opens");
    let mut query = connection
        .prepare("SELECT * FROM membership_application ORDER BY id")
        .expect("the table is there");
    let columns: Vec<String> = query.column_names().map(str::to_owned).collect();
    let rows = query.query_map([], |row| {
        let cells = columns.iter().enumerate().map(|(index, column)| {
            Ok(match row.get(index)? {
                Value::Text(text) => Some((column.clone(), text)),
                _ => None,
            })
        });
        cells.filter_map(Result::transpose).collect()
    });
    rows.expect("the table is read")
        .map(|row| row.expect("a row is read"))
        .collect()
}

/// Fails unless the application holds every answer of `FORM`, but for those in `instead`, and what follows from them.
pub(crate) fn holds_every_field(application: &Application, instead: Answers) {
    let expected: BTreeMap<&str, &str> = FORM
        .iter()
        .flat_map(|(_, answers)| answers.iter())
        .chain(DERIVED)
        .chain(instead)
        .copied()
        .collect();
    for (name, value) in expected {
        assert_eq!(
            application.get(name).map(String::as_str),
            Some(value),
            "{name} of {application:?}"
        );
    }
}

/// The file of the application, which is not the file of the sessions.
fn file(demo: &Demo) -> PathBuf {
    let file = demo.data().join("applications.db");
    assert!(file.exists(), "there is {:?}", fs::read_dir(demo.data()));
    file
}
