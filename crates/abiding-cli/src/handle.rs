//! What people call a session in a store: digits that open nothing.

use abiding::StoreKey;

/// The first 24 hexadecimal digits of the hash under which a store of abiding knows the session.
pub(crate) fn handle(key: &StoreKey) -> String {
    let mut digits = key.to_hex();
    digits.truncate(DIGITS);
    digits
}

/// The same where the session's id is its name: the last digits of a hash of it, which applications show as
/// the handle too.
pub(crate) fn flask_handle(key: &StoreKey) -> String {
    let digits = key.to_hex();
    digits[digits.len() - DIGITS..].to_owned()
}

const DIGITS: usize = 24;
