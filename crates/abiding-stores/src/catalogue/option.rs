//! What may be chosen in the URL of a store.

use std::fmt;

/// An option: `name=value` behind the question mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UrlOption {
    /// Its name.
    pub name: &'static str,
    /// What its value may be.
    pub value: Value,
    /// What counts where it is not given; empty where that goes without saying.
    pub default: &'static str,
    /// What it chooses.
    pub chooses: &'static str,
    /// Whether the driver reads it, as it stands.
    pub(crate) is_drivers: bool,
}

/// What the value of an option may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A number, from 1.
    Count,
    /// `true` or `false`.
    Flag,
    /// A number of milliseconds, from 1.
    Millis,
    /// A number, from 0.
    Number,
    /// The path of a file.
    Path,
    /// A password or the like, which is never printed.
    Secret,
    /// Any text.
    Text,
}

impl UrlOption {
    pub(super) const fn new(name: &'static str, value: Value, chooses: &'static str) -> Self {
        Self {
            name,
            value,
            default: "",
            chooses,
            is_drivers: false,
        }
    }

    /// One that the driver reads.
    pub(super) const fn of_driver(name: &'static str, value: Value, chooses: &'static str) -> Self {
        Self {
            is_drivers: true,
            ..Self::new(name, value, chooses)
        }
    }

    /// The same, with what counts where it is not given.
    pub(super) const fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }
}

impl Value {
    /// Whether a text is such a value.
    pub fn admits(self, text: &str) -> bool {
        match self {
            Self::Choice(words) => words.contains(&text),
            Self::Count | Self::Millis => text.parse::<u32>().is_ok_and(|number| number > 0),
            Self::Flag => matches!(text, "true" | "false"),
            Self::Number => text.parse::<u32>().is_ok(),
            Self::Path | Self::Secret | Self::Text => !text.is_empty(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Choice(words) => {
                let (last, others) = words.split_last().unwrap_or((&"", &[]));
                for word in others {
                    write!(f, "`{word}`, ")?;
                }
                write!(f, "`{last}`")
            }
            Self::Count => f.write_str("a number, from 1"),
            Self::Flag => f.write_str("`true`, `false`"),
            Self::Millis => f.write_str("milliseconds, from 1"),
            Self::Number => f.write_str("a number, from 0"),
            Self::Path => f.write_str("a path"),
            Self::Secret => f.write_str("a secret"),
            Self::Text => f.write_str("text"),
        }
    }
}
