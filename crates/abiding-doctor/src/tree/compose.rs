//! Compose files: the environment of each service, and options of servers on their command lines.

use saphyr_parser::{Event, Parser};

use crate::{
    facts::{Facts, Origin, Sight, What},
    tree::{Named, dotenv},
};

/// Deeper than any compose file; what lies below is left out.
const DEEPEST: usize = 32;

/// Where in the document an event is.
enum Level {
    Mapping { key: Option<String> },
    Sequence,
}

pub(super) fn read(facts: &mut Facts, named: Named<'_>, text: &str) {
    let mut levels: Vec<Level> = Vec::new();
    for event in Parser::new_from_str(text) {
        // What stands before a mistake counts.
        let Ok((event, span)) = event else {
            return;
        };
        match event {
            Event::MappingStart(..) if levels.len() < DEEPEST => {
                levels.push(Level::Mapping { key: None })
            }
            Event::SequenceStart(..) if levels.len() < DEEPEST => levels.push(Level::Sequence),
            Event::MappingStart(..) | Event::SequenceStart(..) => return,
            Event::MappingEnd | Event::SequenceEnd => {
                levels.pop();
                done(&mut levels);
            }
            Event::Scalar(text, ..) => {
                if let Some(Level::Mapping { key: key @ None }) = levels.last_mut() {
                    *key = Some(text.into_owned());
                } else {
                    let origin = Origin::line(named.place, span.start.line());
                    scalar(facts, named, &levels, &text, origin);
                    done(&mut levels);
                }
            }
            Event::Alias(..) => done(&mut levels),
            _ => {}
        }
    }
}

/// A value is over: the mapping that it is in waits for a key.
fn done(levels: &mut [Level]) {
    if let Some(Level::Mapping { key }) = levels.last_mut() {
        *key = None;
    }
}

fn scalar(facts: &mut Facts, named: Named<'_>, levels: &[Level], text: &str, origin: Origin) {
    let keys: Vec<_> = levels
        .iter()
        .filter_map(|level| match level {
            Level::Mapping { key } => key.as_deref(),
            Level::Sequence => None,
        })
        .collect();
    match keys.as_slice() {
        [.., "environment", name] => variable(facts, named, name, text, origin),
        [.., "environment"] => {
            if let Some((name, value)) = text.split_once('=') {
                variable(facts, named, name.trim(), value.trim(), origin);
            }
        }
        [.., "command" | "entrypoint"] => command(facts, text, &origin),
        _ => {}
    }
}

fn variable(facts: &mut Facts, named: Named<'_>, name: &str, value: &str, origin: Origin) {
    if matches!(name, "TZ" | "PGTZ") {
        facts.sights.push(Sight {
            what: What::ServerOption {
                name: name.to_owned(),
                value: value.to_owned(),
            },
            origin: origin.clone(),
        });
    }
    dotenv::push(facts, named, name, value, origin);
}

/// `redis-server --maxmemory-policy allkeys-lru`, `postgres -c timezone=…`
fn command(facts: &mut Facts, text: &str, origin: &Origin) {
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let word = word.trim_start_matches('-');
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, words.peek().copied()),
        };
        if let Some(value) = value.filter(|_| {
            matches!(
                name.to_ascii_lowercase().as_str(),
                "maxmemory-policy" | "timezone"
            )
        }) {
            facts.sights.push(Sight {
                what: What::ServerOption {
                    name: name.to_ascii_lowercase(),
                    value: value.trim_matches(['"', '\'']).to_owned(),
                },
                origin: origin.clone(),
            });
        }
    }
}
