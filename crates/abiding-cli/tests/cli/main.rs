//! Every command against the real binary: what stands in the transcripts is what happens.
//!
//! A transcript is a Markdown file with blocks of `console`; `docs/command.md` is one of them. To write
//! the answers anew: `ABIDING_BLESS=1 cargo test -p abiding-cli --test cli`, and read the difference.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are not seen to be tests"
)]

mod comeback;
mod fixture;
#[cfg(unix)]
mod full;
mod killed;
mod many;
#[cfg(unix)]
mod servers;
mod transcript;
#[cfg(unix)]
mod under_traffic;

use transcript::Transcript;

macro_rules! transcripts {
    ($($name:ident: $path:literal),* $(,)?) => {
        $(#[test]
        fn $name() {
            let transcript = Transcript::of($path);
            let of_the_shop = ["command.md", "migrate.md", "refused.md", "sessions.md"];
            if of_the_shop.iter().any(|name| $path.ends_with(name)) {
                fixture::make(transcript.directory());
            }
            transcript.check();
        })*
    };
}

transcripts! {
    a_configuration_is_examined: "tests/cli/doctor.md",
    cookies_are_decoded_verified_and_signed: "tests/cli/cookie.md",
    keys_are_made_rotated_and_revoked: "tests/cli/keys.md",
    nothing_moves_that_cannot_arrive: "tests/cli/refused.md",
    sessions_are_moved: "tests/cli/migrate.md",
    sessions_are_seen_and_ended: "tests/cli/sessions.md",
    stores_are_made_and_looked_at: "tests/cli/store.md",
    the_tour_of_the_documentation_is_what_happens: "../../docs/command.md",
    whoever_asks_is_helped: "tests/cli/help.md",
}
