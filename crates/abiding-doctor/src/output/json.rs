//! A report as JSON. `format` counts up when a field changes its meaning or goes.

use serde_json::{Value, json};

use crate::{
    report::{Finding, Report},
    rule::Severity,
    timeouts::LEVELS,
};

impl Report {
    /// The report as a JSON object, on one line.
    pub fn to_json(&self) -> String {
        let timeouts = self.timeouts.map(|timeouts| {
            let levels = LEVELS.iter().map(|level| {
                json!({
                    "level": level.name,
                    "idle_seconds": level.idle,
                    "absolute_seconds": level.absolute,
                    "kept": level.admits(timeouts),
                })
            });
            json!({
                "idle_seconds": timeouts.idle,
                "absolute_seconds": timeouts.absolute,
                "nist_sp_800_63b": levels.collect::<Vec<_>>(),
            })
        });
        let silenced = self.silenced.iter().map(|(finding, reason)| {
            let mut silenced = object(finding);
            silenced["reason"] = reason.clone().into();
            silenced
        });
        let report = json!({
            "format": 1,
            "sources": self.sources,
            "findings": self.findings().iter().map(object).collect::<Vec<_>>(),
            "silenced": silenced.collect::<Vec<_>>(),
            "silences_that_cover_nothing": self.idle_silences.iter().map(|silence| silence.rule).collect::<Vec<_>>(),
            "timeouts": timeouts,
            "counts": {
                "error": self.count(Severity::Error),
                "warning": self.count(Severity::Warning),
                "note": self.count(Severity::Note),
            },
        });
        format!("{report}\n")
    }
}

fn object(finding: &Finding) -> Value {
    let rule = finding.rule;
    json!({
        "rule": rule.id,
        "severity": rule.severity.to_string(),
        "title": rule.title,
        "what": finding.what,
        "place": &*finding.origin.place,
        "line": finding.origin.line,
        "why": rule.why,
        "remedy": rule.remedy,
        "standards": rule.standards,
    })
}
