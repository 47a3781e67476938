//! Which release of a Python package a requirement leads to.

use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

/// The version specifiers of a requirement; none admits everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requirement(VersionSpecifiers);

/// A package whose behaviour differs between releases, and releases on either side of each difference, newest last.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    releases: &'static [&'static str],
}

pub(crate) const FLASK_SESSION: Known = Known {
    name: "flask-session",
    releases: &[
        "0.3.2", "0.4.0", "0.4.1", "0.5.0", "0.6.0", "0.7.0", "0.8.0",
    ],
};
pub(crate) const CACHELIB: Known = Known {
    name: "cachelib",
    releases: &[
        "0.6.0", "0.9.0", "0.10.2", "0.13.0", "0.15.4", "0.16.0", "0.17.0",
    ],
};
pub(crate) const WERKZEUG: Known = Known {
    name: "werkzeug",
    releases: &["1.0.1", "2.0.3", "2.2.3", "2.3.8", "3.0.1", "3.1.3"],
};

impl Requirement {
    /// From specifiers as they stand behind a name; what is not understood admits everything.
    pub(crate) fn parse(specifiers: &str) -> Self {
        Self(VersionSpecifiers::from_str(specifiers.trim()).unwrap_or_default())
    }

    pub(crate) fn exactly(version: &str) -> Self {
        Self::parse(&format!("=={version}"))
    }

    /// Whether it leads to a release before `version`: that is, whether the newest one that it admits is older.
    pub(crate) fn leads_before(&self, package: &Known, version: &str) -> bool {
        self.newest(package)
            .is_some_and(|newest| newest < parsed(version))
    }

    /// Whether it admits releases on both sides of `version`.
    pub(crate) fn straddles(&self, package: &Known, version: &str) -> bool {
        let admitted = || self.admitted(package);
        admitted().any(|release| release < parsed(version))
            && admitted().any(|release| release >= parsed(version))
    }

    fn newest(&self, package: &Known) -> Option<Version> {
        self.admitted(package).max()
    }

    fn admitted(&self, package: &Known) -> impl Iterator<Item = Version> {
        let releases = package.releases.iter().map(|release| parsed(release));
        // A release that the table does not have is pinned as itself.
        let only = self.0.iter().filter(|_| self.0.len() == 1);
        let pinned = only
            .filter(|specifier| specifier.operator() == &pep440_rs::Operator::Equal)
            .map(|specifier| specifier.version().clone());
        releases
            .filter(|release| self.0.contains(release))
            .chain(pinned)
    }
}

/// The name of a package as indexes compare it (PEP 503).
pub(crate) fn normalised(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace(['_', '.'], "-")
}

/// A version of the tables above, or of a rule. One that is none is the oldest, so that no rule holds by mistake.
fn parsed(version: &str) -> Version {
    Version::from_str(version).unwrap_or_else(|_| Version::new([0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_leads_to_the_newest_release_that_it_admits() {
        for (specifiers, before_06, before_07) in [
            ("==0.5.0", true, true),
            ("==0.5", true, true),
            ("~=0.5.0", true, true),
            (">=0.5,<0.7", false, true),
            (">=0.5", false, false),
            ("", false, false),
            ("==0.6.0rc1", true, true),
            ("not a specifier", false, false),
        ] {
            let requirement = Requirement::parse(specifiers);
            let leads = |version| requirement.leads_before(&FLASK_SESSION, version);
            assert_eq!(
                (leads("0.6"), leads("0.7")),
                (before_06, before_07),
                "{specifiers}"
            );
        }
    }

    #[test]
    fn a_range_with_releases_on_both_sides_straddles() {
        for (specifiers, straddles) in [
            ("", true),
            (">=0.10", true),
            ("==0.10.2", false),
            (">=0.16", false),
            ("<0.16", false),
        ] {
            assert_eq!(
                Requirement::parse(specifiers).straddles(&CACHELIB, "0.16"),
                straddles,
                "{specifiers}"
            );
        }
    }
}
