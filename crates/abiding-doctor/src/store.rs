//! Facts of a store: what it says of itself, asked through `abiding-stores` without changing anything.

use abiding::{Clock, SystemClock};
use abiding_stores::StoreUrl;

use crate::facts::{Facts, StoreSays};

impl Facts {
    /// The facts of the store at `url`. Needs a Tokio runtime. A store that cannot be reached is a fact too.
    pub async fn of_store(url: &StoreUrl) -> Self {
        let told = url.checkup().await;
        let now = SystemClock.now().as_millis() as f64 / 1_000.0;
        let says = match told {
            Ok(told) => StoreSays {
                encrypted: told.encrypted,
                local: told.local,
                excessive: told.excessive,
                expiry_indexed: told.expiry_indexed,
                eviction: told.eviction,
                skew: told.clock.map(|clock| clock - now),
                time_zone: told.time_zone,
                sql_mode: told.sql_mode,
                loose_mode: told.exposure,
                ..StoreSays::default()
            },
            Err(error) => StoreSays {
                refusal: Some(error.to_string()),
                ..StoreSays::default()
            },
        };
        let url = url.to_string();
        Self {
            sources: vec![url.clone()],
            store: Some(StoreSays { url, ..says }),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Silences, examine};

    #[tokio::test(flavor = "current_thread")]
    async fn a_store_that_cannot_be_reached_is_found_and_its_password_is_not_told() {
        let url = "redis://:canary@127.0.0.1:1/0?patience=200";
        let facts = Facts::of_store(&url.parse().unwrap()).await;
        let report = examine(&facts, &Silences::default());
        let rules: Vec<_> = report
            .findings()
            .iter()
            .map(|finding| finding.rule.id)
            .collect();
        assert_eq!(rules, ["S01"], "{report}");
        assert!(!report.to_string().contains("canary"));
    }
}
