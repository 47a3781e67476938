//! Where in a session a value lies, so that an error can name the place.

use std::borrow::Cow;

use super::Value;
use crate::error::{Error, ErrorKind};

/// The keys that lead to the value which is being written.
#[derive(Default)]
pub(super) struct Path<'a>(Vec<&'a Value>);

impl<'a> Path<'a> {
    pub(super) fn enter(&mut self, key: &'a Value) {
        self.0.push(key);
    }

    pub(super) fn leave(&mut self) {
        self.0.pop();
    }

    /// The error for a value that this format has no form for.
    pub(super) fn refuse(&self, operation: &'static str, reason: impl Into<Cow<'a, str>>) -> Error {
        let mut context = String::new();
        for key in &self.0 {
            match key {
                Value::Str(text) | Value::Markup(text) => {
                    context.push_str(&format!("[{:?}]", text.to_string_lossy()));
                }
                Value::Int(int) => context.push_str(&format!("[{int}]")),
                other => context.push_str(&format!("[a {}]", other.type_name())),
            }
        }
        let reason = reason.into();
        let context = match context.is_empty() {
            true => reason.into_owned(),
            false => format!("session{context}: {reason}"),
        };
        Error::new(ErrorKind::Encode, operation, context)
    }
}
