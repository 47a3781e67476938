//! What the operator reads: the keys and their standing, and who a revocation signs out.

use abiding::{KeyId, KeyStanding, KeyUsage, Rejection, Timestamp};
use abiding_stores::keys::KeySource;
use maud::{Markup, html};

use crate::{
    calendar::{remaining, spelled},
    forms::hidden,
    layout::{Page, Section, notice, page},
};

/// Everything that the page tells.
pub(super) struct Overview<'a> {
    pub(super) keys: &'a [KeyUsage],
    pub(super) now: Timestamp,
    pub(super) rejections: &'a [(Rejection, u64)],
    pub(super) revoked: Option<KeyId>,
    pub(super) source: &'a KeySource,
    pub(super) token: &'a str,
}

/// The keys, what was refused, and the button that rotates.
pub(super) fn overview(overview: &Overview<'_>) -> Page {
    let title = "Keys and refusals";
    let Overview { keys, now, .. } = *overview;
    let is_file = matches!(overview.source, KeySource::File(_));
    page(
        title,
        Some(Section::Operator),
        html! {
            h1 data-testid="page-title" { (title) }
            p.lead { "Keys vouch for every session. They are changed while everybody stays signed in." }
            p { a.button href="/operator/places" data-testid="to-places" { "Move sessions to another place" } }
            @if let Some(id) = overview.revoked.filter(|id| is_revoked(*id, keys)) {
                (notice(&format!("The key {id} is revoked. Whoever rested on it is signed out.")))
            }
            section.card aria-labelledby="keys-title" {
                h2 #keys-title { "Keys" }
                p.hint {
                    "They come from " (overview.source) ". Counts are those of this process since it began."
                }
                div.wide {
                    table.keys data-testid="keys" {
                        thead {
                            tr {
                                th scope="col" { "Key" }
                                th scope="col" { "State" }
                                th scope="col" { "Opened" }
                                th scope="col" { "Last in use" }
                                @if is_file { th scope="col" { span.visually-hidden { "Action" } } }
                            }
                        }
                        tbody { @for key in keys { (row(key, now, is_file)) } }
                    }
                }
                @if is_file {
                    form method="post" action="/operator/keys/rotate" {
                        (hidden(overview.token))
                        div.actions {
                            button.primary type="submit" data-testid="rotate-key" { "Rotate" }
                        }
                        p.hint {
                            "A new key is known to every process before it signs. The old one goes on verifying \
                             what it made until the last of it has ended."
                        }
                    }
                } @else {
                    p.hint data-testid="rotate-elsewhere" {
                        "They are rotated where they come from. To rotate them here, keep them in a file."
                    }
                }
            }
            section.card aria-labelledby="refusals-title" {
                h2 #refusals-title { "Cookies that were refused" }
                div.wide {
                    table data-testid="rejections" {
                        thead { tr { th scope="col" { "Reason" } th scope="col" { "Count" } } }
                        tbody {
                            @for (reason, count) in overview.rejections {
                                tr {
                                    th scope="row" { (words(*reason)) }
                                    td data-testid={ "rejected-" (format!("{reason:?}")) } { (count) }
                                }
                            }
                        }
                    }
                }
            }
        },
    )
}

fn row(key: &KeyUsage, now: Timestamp, is_file: bool) -> Markup {
    let (id, standing) = (key.id, key.standing);
    let gone = matches!(standing, KeyStanding::Retired | KeyStanding::Revoked);
    html! {
        tr data-testid={ "key-" (state(standing)) } {
            th scope="row" { code data-testid={ "id-" (state(standing)) } { (id) } }
            td {
                (state(standing))
                @if let (KeyStanding::Waiting, Some(from)) = (standing, key.from) {
                    ", signs in " (remaining(from, now))
                }
                @if let (KeyStanding::Signing, Some(from)) = (standing, key.from) {
                    " since " (spelled(from))
                }
            }
            td { @if !gone { (key.opened) } }
            td { @if !gone { (last_in_use(key, now)) } }
            @if is_file {
                td {
                    @if !gone {
                        a href={ "/operator/keys/" (id) "/revoke" } data-testid={ "revoke-" (state(standing)) } {
                            "Revoke" span.visually-hidden { " the key " (id) }
                        }
                    }
                }
            }
        }
    }
}

/// Who is signed out by a revocation, and the button that does it.
pub(super) fn confirmation(key: &KeyUsage, token: &str) -> Page {
    let title = format!("Revoke the key {}?", key.id);
    page(
        &title,
        Some(Section::Operator),
        html! {
            section.card {
                h1 data-testid="page-title" { (title) }
                p data-testid="signed-out" { (signed_out(key.standing)) }
                p {
                    "In this process it has opened " (key.opened) " cookies and records"
                    @if let Some(last) = key.last_opened { ", the last of them on " (spelled(last)) }
                    "."
                }
                p { "This is for a key that somebody else may have. To change a key, rotate instead: that signs nobody out." }
                form method="post" action={ "/operator/keys/" (key.id) "/revoke" } {
                    (hidden(token))
                    div.actions {
                        button.danger type="submit" data-testid="confirm-revoke" { "Revoke, and sign them out" }
                        a.button href="/operator" data-testid="keep-key" { "Keep it" }
                    }
                }
            }
        },
    )
}

/// Whether that is so: anybody can write an address.
fn is_revoked(id: KeyId, keys: &[KeyUsage]) -> bool {
    let revoked = |key: &KeyUsage| key.id == id && key.standing == KeyStanding::Revoked;
    keys.iter().any(revoked)
}

fn signed_out(standing: KeyStanding) -> &'static str {
    match standing {
        KeyStanding::Signing => {
            "Everybody whose session was made, renewed or last written since this key signs is signed out \
             at once, you too. Another key takes its place."
        }
        KeyStanding::Verifying => {
            "Everybody is signed out at once who has not come back, or whose session was not written, \
             since a newer key signs."
        }
        _ => "Nobody is signed out: this key has made nothing yet.",
    }
}

fn state(standing: KeyStanding) -> &'static str {
    match standing {
        KeyStanding::Retired => "retired",
        KeyStanding::Revoked => "revoked",
        KeyStanding::Signing => "signing",
        KeyStanding::Verifying => "verifying",
        KeyStanding::Waiting => "waiting",
        _ => "unknown",
    }
}

fn last_in_use(key: &KeyUsage, now: Timestamp) -> String {
    match key.last_opened {
        None => String::from("not yet"),
        Some(last) if now.since(last).as_secs() < 2 => String::from("just now"),
        Some(last) => format!("{} ago", remaining(now, last)),
    }
}

fn words(reason: Rejection) -> &'static str {
    match reason {
        Rejection::BadTag => "forged, or damaged",
        Rejection::Duplicate => "two of the same name",
        Rejection::Expired => "out of time",
        Rejection::Malformed => "no cookie of ours",
        Rejection::RevokedKey => "made by a revoked key",
        Rejection::UnknownId => "of a session that has ended",
        Rejection::UnknownKey => "made by a key that nobody here knows",
        _ => "for another reason",
    }
}
