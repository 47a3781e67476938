//! The figures: what an endpoint adds over `/plain`, and the ratio of ours to theirs.

use std::fmt;

use abiding_bench::statistics::Spread;

use crate::{
    check::Check,
    measure::Sample,
    plan::{ENDPOINTS, Pair},
};

/// What came of one pair.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
    pub(crate) pair: &'static str,
    pub(crate) ours: String,
    pub(crate) theirs: String,
    pub(crate) checks_of_ours: Vec<Check>,
    pub(crate) checks_of_theirs: Vec<Check>,
    pub(crate) plain: [Spread; 2],
    pub(crate) rows: Vec<Row>,
    pub(crate) samples: Vec<Sample>,
}

/// One endpoint.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Row {
    pub(crate) endpoint: &'static str,
    /// CPU time over `/plain`, microseconds a request.
    pub(crate) ours: Spread,
    pub(crate) theirs: Spread,
    /// The ratio of the two medians.
    pub(crate) ratio: f64,
    /// The ratios of the single rounds.
    pub(crate) ratios: Spread,
    /// Wall clock, microseconds a request: for orientation.
    pub(crate) wall: [f64; 2],
    pub(crate) goal: Option<f64>,
}

impl Report {
    pub(crate) fn rows(pair: &Pair, samples: &[Sample]) -> Vec<Row> {
        let row = |(endpoint, goal): (&'static str, Option<f64>)| {
            let (ours, theirs) = (
                added(samples, true, endpoint),
                added(samples, false, endpoint),
            );
            let ratios = Spread::of(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs));
            let (ours, theirs) = (Spread::of(ours), Spread::of(theirs));
            let wall = [true, false]
                .map(|side| Spread::of(of(samples, side, endpoint).map(|s| s.wall)).median);
            Row {
                endpoint,
                ours,
                theirs,
                ratio: ours.median / theirs.median,
                ratios,
                wall,
                goal,
            }
        };
        let measured = |endpoint| of(samples, true, endpoint).next().is_some();
        let endpoints = ENDPOINTS.into_iter().zip(pair.goals);
        endpoints
            .filter(|(endpoint, _)| measured(endpoint))
            .map(row)
            .collect()
    }

    pub(crate) fn plain(samples: &[Sample]) -> [Spread; 2] {
        [true, false].map(|side| Spread::of(of(samples, side, "/plain").map(|sample| sample.cpu)))
    }
}

fn of<'a>(
    samples: &'a [Sample],
    ours: bool,
    endpoint: &'a str,
) -> impl Iterator<Item = &'a Sample> {
    samples
        .iter()
        .filter(move |sample| sample.ours == ours && sample.endpoint == endpoint)
}

/// What `endpoint` costs over `/plain` of the same process in the same round.
fn added(samples: &[Sample], ours: bool, endpoint: &str) -> Vec<f64> {
    let pairs = of(samples, ours, endpoint).zip(of(samples, ours, "/plain"));
    pairs
        .map(|(sample, plain)| sample.cpu - plain.cpu)
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pair, ours, theirs, ..
        } = self;
        writeln!(f, "\n## {pair}: {ours} beside {theirs}\n")?;
        for (name, checks) in [
            (ours, &self.checks_of_ours),
            (theirs, &self.checks_of_theirs),
        ] {
            let held = checks.iter().filter(|check| check.holds).count();
            writeln!(f, "{name}: {held} of {} checks hold", checks.len())?;
            for check in checks.iter().filter(|check| !check.holds) {
                writeln!(f, "  not so: {}; got {}", check.promise, check.got)?;
            }
        }
        if self.rows.is_empty() {
            return Ok(());
        }
        let [our_plain, their_plain] = self.plain;
        writeln!(
            f,
            "\n`/plain`: {:.1} µs of CPU a request, theirs {:.1}\n",
            our_plain.median, their_plain.median
        )?;
        writeln!(
            f,
            "| endpoint | ours, µs added (min–max) | theirs | ratio | ratio by round, median (min–max) | goal |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let Row {
                endpoint,
                ours,
                theirs,
                ratio,
                ratios,
                goal,
                ..
            } = row;
            let goal = match goal {
                Some(goal) if ratio <= goal => format!("≤ {goal}: met"),
                Some(goal) => format!("≤ {goal}: missed"),
                None => "–".to_owned(),
            };
            writeln!(
                f,
                "| {endpoint} | {:.2} ({:.2}–{:.2}) | {:.2} ({:.2}–{:.2}) | **{ratio:.2}** | {:.2} ({:.2}–{:.2}) | {goal} |",
                ours.median,
                ours.min,
                ours.max,
                theirs.median,
                theirs.min,
                theirs.max,
                ratios.median,
                ratios.min,
                ratios.max,
            )?;
        }
        Ok(())
    }
}
