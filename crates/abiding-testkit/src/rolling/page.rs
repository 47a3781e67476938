//! The pages of a node: a form, a counter, flash messages, signing in and out, and a look at all of it.

use std::{collections::BTreeMap, fmt::Write as _};

use abiding::{Result, Session};

use crate::run::yield_now;

/// A field of the form: a value of every type that all formats have a word for.
type Field = (
    u64,
    i64,
    f64,
    bool,
    String,
    Vec<Option<u64>>,
    BTreeMap<String, u64>,
);

/// What a visitor writes into a field: nobody else's value, nor another version's, is equal.
fn field(visitor: u64, version: u64) -> Field {
    (
        visitor,
        -i64::try_from(version).unwrap_or(i64::MAX),
        version as f64 + 0.5,
        version.is_multiple_of(2),
        format!("{version} Zoë"),
        vec![None, Some(version)],
        BTreeMap::from([("v".to_owned(), version)]),
    )
}

/// What the page at `path` does with the session of the request, and what it answers.
///
/// # Errors
/// Those of the session. A path that nobody was told of is no page, and does nothing.
pub async fn answer(session: &Session, path: &str) -> Result<String> {
    let words: Vec<_> = path.split('/').skip(1).collect();
    match words[..] {
        ["count"] => {
            let count = |count: Option<u64>| count.unwrap_or(0) + 1;
            session.update("n", count).await?;
        }
        ["flash", message] => session.flash("info", message).await?,
        ["flashes"] => {
            let flashes = session.take_flashes().await?.into_iter();
            let messages: Vec<_> = flashes.map(|flash| flash.message).collect();
            return Ok(messages.join(" "));
        }
        ["late"] => {
            // A session that began afterwards may hold this and nothing else.
            session.keys().await?;
            yield_now().await;
            session.insert("late", &1)?;
        }
        ["look", visitor] => return look(session, number(visitor)).await,
        ["put", visitor, key, version] => {
            session.insert(key, &field(number(visitor), number(version)))?;
        }
        ["read-and-put", visitor, key, version] => {
            session.keys().await?;
            yield_now().await;
            session.insert(key, &field(number(visitor), number(version)))?;
        }
        ["remove", key] => session.remove(key),
        ["renew"] => session.renew(),
        ["sign-in", subject] => session.login(subject)?,
        ["sign-out"] => {
            session.keys().await?;
            yield_now().await;
            session.logout();
        }
        _ => return Ok("no such page".into()),
    }
    Ok(String::new())
}

/// In lines: how it stands with the session, whose it is, how far it counted, and the version in each field, `?` where
/// that is not what this visitor wrote.
async fn look(session: &Session, visitor: u64) -> Result<String> {
    let standing = session.standing().await?;
    let subject = session.subject().await?.unwrap_or_default();
    let count = session.get::<u64>("n").await?.unwrap_or(0);
    let mut page = format!("{standing:?}\n{subject}\n{count}\n");
    for key in session.keys().await? {
        // What begins so is Flask's, or ours.
        if key == "n" || key.starts_with('_') {
            continue;
        }
        let version = match session.get::<Field>(&key).await {
            Ok(Some(found)) => {
                let version = found.1.unsigned_abs();
                (found == field(visitor, version)).then_some(version)
            }
            _ => None,
        };
        let version = version.map_or_else(|| "?".to_owned(), |version| version.to_string());
        let _ = writeln!(page, "{key}={version}");
    }
    Ok(page)
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_default()
}
