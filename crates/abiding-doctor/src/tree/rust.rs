//! Rust code, token by token: calls that take a guard off or make a key, outside of tests.
//!
//! The lexer of `proc-macro2` tells code from comments and text; no more of the language is needed.

use std::{str::FromStr, sync::Arc};

use proc_macro2::{TokenStream, TokenTree};

use crate::{
    facts::{Facts, Origin, Scope, Sight, What},
    tree::Named,
};

/// Deeper than code is nested; what lies below is left out.
const DEEPEST: usize = 100;

pub(super) fn read(facts: &mut Facts, named: Named<'_>, text: &str) {
    let examples = named
        .place
        .split('/')
        .any(|folder| matches!(folder, "benches" | "examples" | "tests"));
    if named.scope == Scope::Testing || examples || !WORDS.iter().any(|word| text.contains(word)) {
        return;
    }
    if let Ok(tokens) = TokenStream::from_str(text) {
        walk(facts, named.place, tokens, 0);
    }
}

/// What the rules look for has one of these in it.
const WORDS: &[&str] = &["danger_", "Key::", "KeyRing::", "MemoryStore"];

fn walk(facts: &mut Facts, place: &Arc<str>, tokens: TokenStream, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    let mut path = String::new();
    // The next item is compiled for tests alone.
    let mut in_test = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) => {
                // What stands behind `fn` is declared here, not called.
                let is_declared = path == "fn";
                if !path.ends_with("::") && !path.ends_with('.') {
                    path.clear();
                }
                path += &ident.to_string();
                let line = ident.span().start().line;
                if let Some(TokenTree::Group(group)) = tokens.peek()
                    && group.delimiter() == proc_macro2::Delimiter::Parenthesis
                    && !is_declared
                {
                    let what = What::RustCall {
                        path: path.clone(),
                        literal: literal(group.stream()),
                    };
                    if WORDS.iter().any(|word| path.contains(word)) {
                        facts.sights.push(Sight {
                            what,
                            origin: Origin::line(place, line),
                        });
                    }
                }
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                ':' => {
                    if !path.ends_with("::") {
                        path.push(':');
                    }
                }
                '.' => path = ".".to_owned(),
                ';' => {
                    in_test = false;
                    path.clear();
                }
                _ => path.clear(),
            },
            TokenTree::Group(group) => {
                if group.delimiter() == proc_macro2::Delimiter::Bracket && is_test(&group.stream())
                {
                    in_test = true;
                    continue;
                }
                let is_body = group.delimiter() == proc_macro2::Delimiter::Brace;
                if !(in_test && is_body) {
                    walk(facts, place, group.stream(), depth + 1);
                }
                in_test &= !is_body;
                path.clear();
            }
            TokenTree::Literal(_) => path.clear(),
        }
    }
}

/// `#[test]`, `#[tokio::test]`, `#[cfg(test)]`.
fn is_test(attribute: &TokenStream) -> bool {
    let text: String = attribute.to_string().split_whitespace().collect();
    text == "test"
        || text.ends_with("::test")
        || text.starts_with("cfg(test")
        || text.starts_with("tokio::test")
}

/// The text of an argument that is one literal text, or bytes.
fn literal(arguments: TokenStream) -> Option<String> {
    let mut tokens = arguments.into_iter();
    let (Some(TokenTree::Literal(literal)), None) = (tokens.next(), tokens.next()) else {
        return None;
    };
    let text = literal.to_string();
    let begin = text.find('"')? + 1;
    let end = text.rfind('"').filter(|end| *end >= begin)?;
    Some(text[begin..end].to_owned())
}
