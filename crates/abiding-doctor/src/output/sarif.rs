//! A report as SARIF 2.1.0 (OASIS), which code hosts show beside the lines.

use serde_json::{Value, json};

use crate::{
    report::{Finding, Report},
    rule::Rule,
    rules::RULES,
};

impl Report {
    /// The report as a SARIF log of one run. Silenced findings are there, suppressed, with their reason.
    pub fn to_sarif(&self) -> String {
        let found = self.findings().iter().map(result);
        let silenced = self.silenced.iter().map(|(finding, reason)| {
            let mut result = result(finding);
            result["suppressions"] = json!([{ "kind": "external", "justification": reason }]);
            result
        });
        let log = json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "abiding doctor",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": RULES.iter().map(descriptor).collect::<Vec<_>>(),
                } },
                // A log has no place for what was looked at, nor for what could not be.
                "properties": { "examined": self.sources },
                "results": found.chain(silenced).collect::<Vec<_>>(),
            }],
        });
        format!("{log:#}\n")
    }
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.why },
        "help": { "text": rule.remedy },
        "defaultConfiguration": { "level": rule.severity.to_string() },
        "properties": { "tags": rule.standards },
    })
}

fn result(finding: &Finding) -> Value {
    let index = RULES.iter().position(|rule| rule.id == finding.rule.id);
    let location = match finding.origin.line {
        Some(line) => json!({ "physicalLocation": {
            "artifactLocation": { "uri": encoded(&finding.origin.place), "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": line },
        } }),
        None => json!({ "logicalLocations": [{ "fullyQualifiedName": &*finding.origin.place }] }),
    };
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": index,
        "level": finding.rule.severity.to_string(),
        "message": { "text": format!("{}: {}. {}", finding.rule.title, finding.what, finding.rule.remedy) },
        "locations": [location],
    })
}

/// A relative path as a URI.
fn encoded(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri += &format!("%{byte:02X}");
        }
    }
    uri
}
