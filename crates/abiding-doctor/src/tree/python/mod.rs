//! Python code: settings, imports, and what is done with the session.
//!
//! A concrete syntax tree is walked once. The parser reads what it can of a file that is not Python of any release,
//! which is what one wants of other people's code.

mod expression;
mod walk;

use tree_sitter::Parser;

use crate::{
    facts::{Facts, Scope},
    tree::Named,
};

/// A file without any of these says nothing of sessions.
const WORDS: &[&str] = &[
    "session",
    "SESSION",
    "SECRET",
    "secret_key",
    "flask",
    "Flask",
    "_URL",
    "_URI",
];

pub(super) fn read(facts: &mut Facts, named: Named<'_>, text: &str) {
    let is_of_interest = WORDS
        .iter()
        .any(|word| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some());
    if named.scope == Scope::Testing || !is_of_interest {
        return;
    }
    let mut parser = Parser::new();
    // The grammar is compiled in; it fits the library or the tests of this file would not pass.
    if parser
        .set_language(&tree_sitter_python::LANGUAGE.into())
        .is_err()
    {
        return;
    }
    if let Some(tree) = parser.parse(text, None) {
        walk::walk(facts, named, text, tree.root_node());
    }
}
