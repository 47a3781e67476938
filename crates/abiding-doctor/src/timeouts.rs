//! How long sessions last, beside what NIST SP 800-63B-4 allows at each assurance level.

use crate::{
    picture::{Backend, Extension, Picture},
    value::Value,
};

pub(crate) const DAYS_30: f64 = 30.0 * 86_400.0;
pub(crate) const DAYS_400: f64 = 400.0 * 86_400.0;
/// Flask's default of PERMANENT_SESSION_LIFETIME.
const DAYS_31: f64 = 31.0 * 86_400.0;

/// The effective timeouts, in seconds; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timeouts {
    pub(crate) idle: Option<f64>,
    pub(crate) absolute: Option<f64>,
}

/// The limits of an assurance level, in seconds.
pub(crate) struct Level {
    pub(crate) name: &'static str,
    pub(crate) idle: Option<f64>,
    pub(crate) absolute: f64,
}

/// NIST SP 800-63B-4, sections 2.1.3, 2.2.3 and 2.3.3.
pub(crate) const LEVELS: &[Level] = &[
    Level {
        name: "AAL1",
        idle: None,
        absolute: DAYS_30,
    },
    Level {
        name: "AAL2",
        idle: Some(3_600.0),
        absolute: 86_400.0,
    },
    Level {
        name: "AAL3",
        idle: Some(900.0),
        absolute: 43_200.0,
    },
];

impl Level {
    pub(crate) fn admits(&self, timeouts: Timeouts) -> bool {
        let within = |limit: f64, set: Option<f64>| set.is_some_and(|set| set <= limit);
        within(self.absolute, timeouts.absolute)
            && self.idle.is_none_or(|limit| within(limit, timeouts.idle))
    }
}

/// The longest timeouts that the settings of production lead to. Nothing without a Flask application, or where they cannot be told.
pub(crate) fn effective(picture: &Picture<'_>) -> Option<Timeouts> {
    if picture.extension == Extension::NoFlask {
        return None;
    }
    let longest = |name: &str, default: f64| {
        let set: Vec<_> = picture
            .production(name)
            .map(|setting| seconds(&setting.value))
            .collect();
        match set.is_empty() {
            true => Some(default),
            false => set
                .into_iter()
                .try_fold(0.0, |longest: f64, seconds| Some(longest.max(seconds?))),
        }
    };
    let native = picture.has(&[Backend::Native]);
    let absolute = native.then(|| longest("SESSION_ABIDING_ABSOLUTE_LIFETIME", DAYS_400));
    Some(Timeouts {
        idle: Some(longest("PERMANENT_SESSION_LIFETIME", DAYS_31)?),
        absolute: match absolute {
            Some(seconds) => Some(seconds?),
            None => None,
        },
    })
}

/// The longest of what a value may turn out to be.
fn seconds(value: &Value) -> Option<f64> {
    let outcomes = value.outcomes();
    let told: Vec<_> = outcomes
        .iter()
        .filter_map(|value| value.seconds())
        .collect();
    told.into_iter().reduce(f64::max)
}

/// A duration in the largest unit that divides it.
pub(crate) fn spelled(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else {
        return "no limit".to_owned();
    };
    for (unit, name) in [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")] {
        if seconds >= unit && seconds % unit == 0.0 {
            return format!("{} {name}", seconds / unit);
        }
    }
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_admits_what_keeps_to_each_of_its_limits() {
        for (idle, absolute, admitted) in [
            (Some(900.0), Some(43_200.0), "AAL1 AAL2 AAL3"),
            (Some(901.0), Some(43_200.0), "AAL1 AAL2"),
            (Some(3_600.0), Some(86_401.0), "AAL1"),
            (None, Some(DAYS_30), "AAL1"),
            (Some(900.0), None, ""),
        ] {
            let timeouts = Timeouts { idle, absolute };
            let names: Vec<_> = LEVELS
                .iter()
                .filter(|level| level.admits(timeouts))
                .map(|level| level.name)
                .collect();
            assert_eq!(names.join(" "), admitted, "{timeouts:?}");
        }
    }

    #[test]
    fn a_duration_is_spelled_in_its_largest_unit() {
        for (seconds, text) in [
            (900.0, "15 min"),
            (86_400.0, "1 d"),
            (90.0, "90 s"),
            (43_200.0, "12 h"),
        ] {
            assert_eq!(spelled(Some(seconds)), text);
        }
    }
}
