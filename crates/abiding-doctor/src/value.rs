//! What a setting is set to, as far as that can be told without executing anything.

use std::fmt;

use crate::secret;

/// The value of an expression. What cannot be told is [`Value::Unknown`], never a guess.
#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    /// A call of this dotted name.
    Call {
        name: String,
        arguments: Vec<Argument>,
    },
    /// One of these, whichever the program finds: `a or b`, `a if c else b`. The condition is among them.
    Either(Vec<Self>),
    None,
    Number(f64),
    /// A `timedelta`.
    Seconds(f64),
    Text(String),
    Unknown,
    /// A variable of the environment. Without a default it may be absent: `None`, or an error where it is required.
    Variable {
        name: String,
        default: Option<Box<Self>>,
        required: bool,
    },
}

/// A positional argument has no name.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Argument {
    pub(crate) name: Option<String>,
    pub(crate) value: Value,
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Every value that it may turn out to be, defaults of variables included.
    pub(crate) fn outcomes(&self) -> Vec<&Self> {
        match self {
            Self::Either(values) => values.iter().flat_map(Self::outcomes).collect(),
            Self::Variable {
                default: Some(default),
                ..
            } => {
                let mut all = vec![self];
                all.extend(default.outcomes());
                all
            }
            _ => vec![self],
        }
    }

    /// Every text that it may turn out to be.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.outcomes()
            .into_iter()
            .filter_map(Self::as_text)
            .collect()
    }

    /// The variables of the environment that it looks at.
    pub(crate) fn variables(&self) -> Vec<&str> {
        self.outcomes()
            .into_iter()
            .filter_map(|value| match value {
                Self::Variable { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect()
    }

    /// What Python takes it for in a condition; nothing where that depends.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::None => Some(false),
            Self::Number(value) | Self::Seconds(value) => Some(*value != 0.0),
            // A file or the environment spells a flag in words.
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" | "" => Some(false),
                _ => None,
            },
            Self::Call { .. } | Self::Either(_) | Self::Unknown | Self::Variable { .. } => None,
        }
    }

    /// A duration: a `timedelta`, or seconds.
    pub(crate) fn seconds(&self) -> Option<f64> {
        match self {
            Self::Number(seconds) | Self::Seconds(seconds) => Some(*seconds),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Whether it is a longer duration, or a larger number, than this.
    pub(crate) fn is_above(&self, most: f64) -> bool {
        self.seconds().is_some_and(|value| value > most)
    }

    /// The calls that it may be of these names, which are compared by their last part.
    pub(crate) fn call(&self, names: &[&str]) -> Option<&[Argument]> {
        self.outcomes().into_iter().find_map(|value| match value {
            Self::Call { name, arguments } => {
                let last = name.rsplit('.').next().unwrap_or(name);
                names.contains(&last).then_some(arguments.as_slice())
            }
            _ => None,
        })
    }
}

/// The argument of this name, wherever it stands.
pub(crate) fn argument<'a>(arguments: &'a [Argument], name: &str) -> Option<&'a Value> {
    let named = |argument: &&Argument| argument.name.as_deref() == Some(name);
    arguments.iter().find(named).map(|argument| &argument.value)
}

/// The first argument without a name.
pub(crate) fn first(arguments: &[Argument]) -> Option<&Value> {
    let unnamed = |argument: &&Argument| argument.name.is_none();
    arguments
        .iter()
        .find(unnamed)
        .map(|argument| &argument.value)
}

/// Shows texts by their shape alone: any of them may be a secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Call { name, arguments } => {
                let mut call = f.debug_tuple(name);
                for argument in arguments {
                    call.field(argument);
                }
                call.finish()
            }
            Self::Either(values) => f.debug_tuple("Either").field(values).finish(),
            Self::None => f.write_str("None"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Seconds(value) => write!(f, "{value}s"),
            Self::Text(text) => f.write_str(&secret::shape(text.as_bytes())),
            Self::Unknown => f.write_str("?"),
            Self::Variable { name, default, .. } => write!(f, "${name} or {default:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_leak_a_text() {
        let value = Value::Either(vec![Value::text("hunter2-canary")]);
        assert!(!format!("{value:?}").contains("canary"));
    }

    #[test]
    fn an_alternative_may_be_any_of_its_sides() {
        let value = Value::Either(vec![
            Value::Variable {
                name: "A".into(),
                default: Some(Box::new(Value::text("x"))),
                required: false,
            },
            Value::text("y"),
        ]);
        assert_eq!(value.texts(), ["x", "y"]);
        assert_eq!(value.variables(), ["A"]);
        assert_eq!(value.truth(), None);
    }
}
