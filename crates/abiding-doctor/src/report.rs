//! What the rules found in the facts, less what was silenced.

use crate::{
    facts::{Facts, Origin},
    picture::Picture,
    rule::{Rule, Severity},
    rules::RULES,
    silence::{Silence, Silences},
    timeouts::{self, Timeouts},
};

/// The result of an examination. Prints for people by `Display`, and as JSON and SARIF.
#[derive(Debug)]
pub struct Report {
    pub(crate) sources: Vec<String>,
    findings: Vec<Finding>,
    pub(crate) silenced: Vec<(Finding, String)>,
    /// Silences that covered nothing.
    pub(crate) idle_silences: Vec<Silence>,
    pub(crate) timeouts: Option<Timeouts>,
}

/// A place where a rule is broken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// What was found there, without secrets.
    pub what: String,
    /// Where.
    pub origin: Origin,
}

/// Holds every rule against the facts. Pure: the same facts make the same report.
pub fn examine(facts: &Facts, silences: &Silences) -> Report {
    let picture = Picture::of(facts);
    let (mut findings, mut silenced) = (Vec::new(), Vec::new());
    let mut used = vec![false; silences.all().len()];
    for rule in RULES.iter() {
        let mut broken = (rule.check)(&picture);
        broken.sort_by(|a, b| a.origin.cmp(&b.origin));
        broken.dedup_by(|a, b| a.origin == b.origin && a.what == b.what);
        for broken in broken {
            let silence = silences.of(rule.id, &broken.origin);
            let finding = Finding {
                rule,
                what: broken.what,
                origin: broken.origin,
            };
            match silence {
                Some((at, silence)) => {
                    used[at] = true;
                    silenced.push((finding, silence.reason.clone()));
                }
                None => findings.push(finding),
            }
        }
    }
    // The worst first; rules keep the order of their names.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.rule.severity));
    let idle = silences.all().iter().zip(used);
    Report {
        sources: facts.sources.clone(),
        findings,
        silenced,
        idle_silences: idle
            .filter(|(_, used)| !used)
            .map(|(silence, _)| silence.clone())
            .collect(),
        timeouts: timeouts::effective(&picture),
    }
}

impl Report {
    /// What was found and not silenced, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How bad the worst finding is; nothing if there is none.
    pub fn worst(&self) -> Option<Severity> {
        self.findings
            .iter()
            .map(|finding| finding.rule.severity)
            .max()
    }

    /// What a program that made this report exits with: 0 if there is nothing worse than a note, 1 for warnings, 7 for errors.
    pub fn exit_code(&self) -> u8 {
        self.worst().map_or(0, Severity::exit_code)
    }

    pub(crate) fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.rule.severity == severity)
            .count()
    }
}
