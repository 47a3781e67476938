//! The answers of MySQL and MariaDB to a doctor.

use abiding::Result;

use super::{errand::Errand, failure::Failure, rows::text};
use crate::{StoreUrl, checkup::Checkup, table::Again};

pub(crate) async fn checkup(url: &StoreUrl) -> Result<Checkup> {
    let options = super::url::url_options(url)?.create(false);
    let store = options.open().await?;
    let errand = store.errand("check")?;
    store.told("check", ask(&errand).await)
}

async fn ask(errand: &Errand<'_>) -> Result<Checkup, Failure> {
    let answer = errand.script(Again::Once, QUESTIONS.to_owned()).await?;
    let Some(row) = answer.rows.first() else {
        return Ok(Checkup::default());
    };
    // A line of grants on every database is more than the table.
    let grants = answer.rows.iter().skip(2).map(|row| text(row, 0));
    let wide = grants.filter(|grant| grant.contains(" ON *.* ") && !grant.contains("GRANT USAGE "));
    let cipher = answer.rows.get(1).map(|row| text(row, 1));
    Ok(Checkup {
        encrypted: cipher.map(|cipher| !cipher.is_empty()),
        excessive: wide.map(|grant| rights(&grant)).collect(),
        clock: text(row, 0).parse().ok(),
        time_zone: Some(text(row, 1)),
        sql_mode: Some(text(row, 2)),
        ..Checkup::default()
    })
}

/// What a grant gives, without for whom: behind that there may be the hash of a password.
fn rights(grant: &str) -> String {
    let end = grant.find(" TO ").unwrap_or(grant.len());
    let grant = grant.get(..end).unwrap_or_default();
    let mut words: String = grant
        .trim_start_matches("GRANT ")
        .chars()
        .take(100)
        .collect();
    if words.len() < grant.trim_start_matches("GRANT ").len() {
        words.push('…');
    }
    words
}

const QUESTIONS: &str = "\
    SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) AS CHAR), @@SESSION.time_zone, @@GLOBAL.sql_mode; \
    SHOW SESSION STATUS LIKE 'Ssl_cipher'; \
    SHOW GRANTS FOR CURRENT_USER()";
