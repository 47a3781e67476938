//! What kind of server it is, asked once when connecting.
//!
//! Managed services hide some of this, and an ACL may: what is not told is taken for the worse.

use redis::{Value, cmd};

use super::{
    failure::Failure,
    link::{Effect, Link},
};

/// What a server said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nature {
    /// It keeps every acknowledged write through its own end: `appendonly yes` and `appendfsync always`.
    pub(super) is_durable: bool,
    /// It may drop keys to make room.
    pub(super) evicts: bool,
    pub(super) is_cluster: bool,
    pub(super) is_replica: bool,
}

impl Nature {
    /// What no server is better than.
    pub(super) const BEST: Self = Self {
        is_durable: true,
        evicts: false,
        is_cluster: false,
        is_replica: false,
    };

    /// What is to be said of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            is_durable: self.is_durable && other.is_durable,
            evicts: self.evicts || other.evicts,
            is_cluster: self.is_cluster || other.is_cluster,
            is_replica: self.is_replica || other.is_replica,
        }
    }
}

pub(super) async fn ask(link: &Link) -> Result<Nature, Failure> {
    // Says whether user and password are right, whatever else is permitted.
    link.send(&cmd("PING"), Effect::None).await?;
    let info = permitted(link.send(&cmd("INFO"), Effect::None).await)?.map(text);
    let flush = setting(link, "appendfsync").await?;
    Ok(judge(info.as_deref().unwrap_or_default(), flush.as_deref()))
}

/// Judges by what `INFO` and `CONFIG GET appendfsync` say.
fn judge(info: &str, flush: Option<&str>) -> Nature {
    let told = |name: &str| {
        info.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.trim())
    };
    let is_roomy = told("maxmemory") == Some("0");
    Nature {
        is_durable: told("aof_enabled") == Some("1") && flush == Some("always"),
        evicts: !is_roomy && told("maxmemory_policy") != Some("noeviction"),
        is_cluster: told("cluster_enabled") == Some("1"),
        is_replica: matches!(told("role"), Some("slave" | "replica")),
    }
}

async fn setting(link: &Link, name: &str) -> Result<Option<String>, Failure> {
    let mut get = cmd("CONFIG");
    let reply = permitted(link.send(get.arg("GET").arg(name), Effect::None).await)?;
    Ok(reply.and_then(|reply| match reply {
        Value::Map(pairs) => pairs.into_iter().next().map(|(_, value)| text(value)),
        Value::Array(parts) => parts.into_iter().nth(1).map(text),
        _ => None,
    }))
}

/// A refusal is no answer, and no failure either.
fn permitted(reply: Result<Value, Failure>) -> Result<Option<Value>, Failure> {
    match reply {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Refused(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_taken_for_the_worse() {
        const KIND: &str = "role:master\r\ncluster_enabled:0\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n";
        assert_eq!(judge(KIND, Some("always")), Nature::BEST);
        let worse = |info: &str, flush| judge(info, flush);
        assert!(!worse(KIND, Some("everysec")).is_durable);
        assert!(!worse(KIND, None).is_durable);
        assert!(worse("", None).evicts && !worse("", None).is_durable);
        let limited = KIND.replace("maxmemory:0", "maxmemory:1000000");
        assert!(worse(&limited, None).evicts);
        assert!(!worse(&limited.replace("allkeys-lru", "noeviction"), None).evicts);
        assert!(worse(&KIND.replace("role:master", "role:slave"), None).is_replica);
        assert!(
            worse(
                &KIND.replace("cluster_enabled:0", "cluster_enabled:1"),
                None
            )
            .is_cluster
        );
    }
}
