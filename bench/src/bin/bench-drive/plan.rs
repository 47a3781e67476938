//! What is measured: the pairs of servers, and the command line.

use std::{env, path::PathBuf};

/// Which of the two servers of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

/// One comparison: the same endpoints on the same kind of store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) store: &'static str,
    pub(crate) library: &'static str,
    /// Requests to an endpoint in a round, unless the command line says otherwise.
    pub(crate) requests: usize,
    /// The goals for the [`ENDPOINTS`], as the ratio of ours to theirs.
    pub(crate) goals: [Option<f64>; ENDPOINTS.len()],
}

impl Pair {
    /// Whether the session lies at the server, which can then order what happens at once.
    pub(crate) fn keeps_on_server(&self) -> bool {
        self.store != "cookie"
    }
}

pub(crate) const PAIRS: [Pair; 5] = [
    Pair {
        name: "memory",
        store: "memory",
        library: "tower-sessions",
        requests: 8_000,
        goals: [Some(0.5), Some(0.4), Some(0.35), Some(0.4), None],
    },
    Pair {
        name: "cookie",
        store: "cookie",
        library: "axum-extra",
        requests: 8_000,
        goals: [None, Some(0.4), Some(0.4), None, None],
    },
    Pair {
        name: "sqlite",
        store: "sqlite",
        library: "tower-sessions",
        requests: 2_000,
        goals: [None, Some(0.3), Some(0.3), Some(0.3), None],
    },
    Pair {
        name: "redis",
        store: "redis",
        library: "tower-sessions",
        requests: 4_000,
        goals: [None, Some(0.6), Some(0.5), None, Some(0.5)],
    },
    Pair {
        name: "postgres",
        store: "postgres",
        library: "tower-sessions",
        requests: 2_000,
        goals: [None, Some(0.5), Some(0.4), None, Some(0.4)],
    },
];

/// The endpoints whose cost over `/plain` is measured.
pub(crate) const ENDPOINTS: [&str; 5] = ["/idle", "/read", "/write", "/login", "/touch"];

/// The command line.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) ours: PathBuf,
    pub(crate) theirs: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) json: Option<PathBuf>,
    pub(crate) connections: usize,
    pub(crate) rounds: usize,
    pub(crate) requests: Option<usize>,
    pub(crate) only_check: bool,
    /// The endpoints to measure besides `/plain`, unless all of them.
    pub(crate) endpoints: Vec<String>,
}

pub(crate) const USAGE: &str = "\
usage: bench-drive all | PAIR... [options]      pairs: memory cookie sqlite redis postgres

  --ours PROGRAM      abiding's server (default: bench-server beside this program)
  --theirs PROGRAM    the other libraries' server (default: bench/compare/target/release/rival-server)
  --data DIRECTORY    where databases and keys are made, on a disk (default: the temporary directory)
  --connections N     requests under way at once (default: 32)
  --rounds N          interleaved rounds (default: 15)
  --requests N        requests to an endpoint in a round (default: 8000, Redis 4000, SQLite and PostgreSQL 2000)
  --json FILE         write the figures there as well
  --endpoint PATH     measure this one besides /plain, and no other; may be repeated (default: all)
  --check             only see whether every endpoint answers as it should";

impl Plan {
    /// The plan of this process.
    pub(crate) fn from_command_line() -> Result<Self, String> {
        Self::parse(env::args().skip(1))
    }

    pub(crate) fn measures(&self, endpoint: &str) -> bool {
        self.endpoints.is_empty() || self.endpoints.iter().any(|asked| asked == endpoint)
    }

    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let beside = env::current_exe()
            .ok()
            .and_then(|exe| Some(exe.parent()?.join("bench-server")));
        let mut plan = Self {
            pairs: Vec::new(),
            ours: beside.unwrap_or_else(|| "bench-server".into()),
            theirs: "bench/compare/target/release/rival-server".into(),
            data: env::temp_dir(),
            json: None,
            connections: 32,
            rounds: 15,
            requests: None,
            only_check: false,
            endpoints: Vec::new(),
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--ours" => plan.ours = value()?.into(),
                "--theirs" => plan.theirs = value()?.into(),
                "--data" => plan.data = value()?.into(),
                "--json" => plan.json = Some(value()?.into()),
                "--connections" => plan.connections = number(&value()?)?,
                "--rounds" => plan.rounds = number(&value()?)?,
                "--requests" => plan.requests = Some(number(&value()?)?),
                "--endpoint" => plan.endpoints.push(value()?),
                "--check" => plan.only_check = true,
                "all" => plan.pairs.extend(PAIRS),
                name => match PAIRS.iter().find(|pair| pair.name == name) {
                    Some(pair) => plan.pairs.push(*pair),
                    None => return Err(format!("{name:?} is neither an option nor a pair")),
                },
            }
        }
        if plan.pairs.is_empty() {
            Err("name the pairs to measure, or `all`".to_owned())
        } else {
            Ok(plan)
        }
    }
}

fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{text:?} is no number above nought")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Plan, String> {
        Plan::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn all_means_every_pair_and_options_may_stand_anywhere() {
        let plan = parse("--rounds 3 all --json out.json").unwrap();
        assert_eq!((plan.pairs.len(), plan.rounds), (PAIRS.len(), 3));
        assert_eq!(parse("cookie").unwrap().pairs[0].library, "axum-extra");
    }

    #[test]
    fn what_cannot_be_understood_is_quoted() {
        for (line, quoted) in [
            ("", "all"),
            ("mongodb", "mongodb"),
            ("all --rounds 0", "\"0\""),
            ("all --json", "--json"),
        ] {
            let message = parse(line).unwrap_err();
            assert!(message.contains(quoted), "{message}");
        }
    }
}
