//! A report for people: plain text, readable without colours.

use std::fmt;

use crate::{
    report::Report,
    rule::Severity,
    timeouts::{LEVELS, spelled},
};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "examined: {}\n", self.sources.join(", "))?;
        let mut rest = self.findings();
        while let Some(first) = rest.first() {
            let same = rest
                .iter()
                .take_while(|finding| finding.rule.id == first.rule.id)
                .count();
            let (these, others) = rest.split_at(same);
            rest = others;
            let rule = first.rule;
            writeln!(f, "{:<7} {:<5} {}", rule.severity, rule.id, rule.title)?;
            for finding in these {
                writeln!(f, "        at {}: {}", finding.origin, finding.what)?;
            }
            writeln!(f, "        why: {}", rule.why)?;
            writeln!(f, "        remedy: {}", rule.remedy)?;
            if !rule.standards.is_empty() {
                writeln!(f, "        see: {}", rule.standards.join(", "))?;
            }
            writeln!(f)?;
        }
        self.fmt_timeouts(f)?;
        for (finding, reason) in &self.silenced {
            writeln!(
                f,
                "silenced {} at {}: {reason}",
                finding.rule.id, finding.origin
            )?;
        }
        for silence in &self.idle_silences {
            writeln!(
                f,
                "the silence of {} covers nothing: remove it ({})",
                silence.rule, silence.reason
            )?;
        }
        let count = |severity| {
            let count = self.count(severity);
            format!("{count} {severity}{}", if count == 1 { "" } else { "s" })
        };
        write!(
            f,
            "{}, {}, {}",
            count(Severity::Error),
            count(Severity::Warning),
            count(Severity::Note)
        )?;
        match self.silenced.len() {
            0 => writeln!(f),
            silenced => writeln!(f, ", {silenced} silenced"),
        }
    }
}

impl Report {
    fn fmt_timeouts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(timeouts) = self.timeouts else {
            return Ok(());
        };
        writeln!(f, "effective timeouts, beside NIST SP 800-63B-4:")?;
        let mut row = |name: &str, idle: &str, absolute: &str, verdict: &str| {
            let row = format!("        {name:<8} {idle:<14} {absolute:<14} {verdict}");
            writeln!(f, "{}", row.trim_end())
        };
        row("", "unused for", "in all", "")?;
        row(
            "here",
            &spelled(timeouts.idle),
            &spelled(timeouts.absolute),
            "",
        )?;
        for level in LEVELS {
            let verdict = if level.admits(timeouts) {
                "kept"
            } else {
                "not kept"
            };
            row(
                level.name,
                &spelled(level.idle),
                &spelled(Some(level.absolute)),
                verdict,
            )?;
        }
        writeln!(f)
    }
}
