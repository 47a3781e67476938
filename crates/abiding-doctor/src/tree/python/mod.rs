//! Python code: settings, imports, and what is done with the session.
//!
//! A concrete syntax tree is walked once. The parser reads what it can of a file that is not Python of any release,
//! which is what one wants of other people's code.

mod expression;
mod walk;

use std::cell::RefCell;

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
    PARSER.with_borrow_mut(|parser| {
        if let Some(tree) = parser.as_mut().and_then(|parser| parser.parse(text, None)) {
            walk::walk(facts, named, text, tree.root_node());
        }
    });
}

thread_local! {
    /// One for all files of a thread: what it has allocated for one it has for the next.
    static PARSER: RefCell<Option<Parser>> = RefCell::new({
        let mut parser = Parser::new();
        // The grammar is compiled in; it fits the library or the tests of this file would not pass.
        let fits = parser.set_language(&tree_sitter_python::LANGUAGE.into());
        fits.ok().map(|()| parser)
    });
}
