//! The answers of a Redis server to a doctor.

use abiding::Result;
use redis::{Cmd, FromRedisValue, Value, cmd};

use super::{RedisStore, link::Effect};
use crate::{StoreUrl, checkup::Checkup};

pub(crate) async fn checkup(url: &StoreUrl) -> Result<Checkup> {
    let store = super::url::url_options(url)?.open().await?;
    let mut checkup = Checkup {
        encrypted: Some(url.scheme().name.starts_with("rediss")),
        ..Checkup::default()
    };
    if store.nature.evicts {
        let info: Option<String> = store.answer(cmd("INFO").arg("memory")).await;
        let policy = info.as_deref().and_then(|info| {
            let mut lines = info.lines();
            lines.find_map(|line| line.strip_prefix("maxmemory_policy:"))
        });
        checkup.eviction = Some(policy.unwrap_or("not told").trim().to_owned());
    }
    let time: Option<(i64, i64)> = store.answer(&cmd("TIME")).await;
    checkup.clock = time.map(|(seconds, micros)| seconds as f64 + micros as f64 / 1e6);
    let user: Option<String> = store.answer(cmd("ACL").arg("WHOAMI")).await;
    if let Some(user) = user {
        let rights: Option<Value> = store.answer(cmd("ACL").arg("GETUSER").arg(user)).await;
        checkup.excessive = rights.map_or_else(Vec::new, |rights| excessive(&rights));
    }
    Ok(checkup)
}

impl RedisStore {
    /// An answer, if the server gives one.
    async fn answer<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let value = self.nodes.send("", command, Effect::None).await.ok()?;
        T::from_redis_value(value).ok()
    }
}

/// What a user may do that none of sessions has to, of what `ACL GETUSER` says.
fn excessive(rights: &Value) -> Vec<String> {
    let mut words = Vec::new();
    flatten(rights, &mut words);
    let known = [
        ("+@all", "every command (+@all)"),
        ("~*", "every key (~*)"),
        ("nopass", "sign in without a password (nopass)"),
    ];
    let has = |word: &str| {
        words
            .iter()
            .any(|text| text.split_whitespace().any(|part| part == word))
    };
    let found = known.iter().filter(|(word, _)| has(word));
    found.map(|(_, what)| (*what).to_owned()).collect()
}

/// Every text in a reply, whose shape differs between versions of the protocol and the server.
fn flatten(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::BulkString(bytes) => words.push(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => words.push(text.clone()),
        Value::Array(values) | Value::Set(values) => {
            values.iter().for_each(|value| flatten(value, words))
        }
        Value::Map(pairs) => pairs.iter().for_each(|(_, value)| flatten(value, words)),
        _ => {}
    }
}
