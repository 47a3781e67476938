//! The rules of the engine as one table: what was known and done, and the plan that follows.

use std::time::Duration;

use super::*;
use crate::codec::encode_value;

const START: Timestamp = Timestamp::from_millis(1_000_000);
const MINUTE: Duration = Duration::from_secs(60);

fn policy(mode: Mode) -> Policy {
    Policy {
        persistent: false,
        cookie_slides: false,
        mode,
        expiry: Expiry::new().idle(30 * MINUTE).touch_after(5 * MINUTE),
    }
}

fn credential() -> Credential {
    Credential {
        id: SessionId::generate().unwrap(),
        key: StoreKey::from_bytes([1; 32]),
        until: Timestamp::MAX,
        old_key: false,
    }
}

fn live() -> Live {
    let meta = first_meta(
        &policy(Mode::ServerSide),
        &MetaEdit::default(),
        [0; 12],
        START,
    );
    Live {
        idle_deadline: meta.idle_deadline(START),
        meta,
        entries: Entries::default(),
        version: Version::FIRST,
        seen: START,
        moved: false,
        frozen: false,
        old_key: false,
    }
}

fn read(adapt: impl Fn(&mut Live)) -> Known {
    let mut live = live();
    adapt(&mut live);
    Known::Live(Some(credential()), Box::new(live))
}

fn set(state: &mut State) {
    state.accessed = true;
    state
        .delta
        .set("k", &encode_value("k", "v").unwrap())
        .unwrap();
}

fn look(state: &mut State) {
    state.accessed = true;
}

fn sign_in(state: &mut State) {
    state.accessed = true;
    state.fate = Fate::SignIn;
    state.edit.subject = Some(Some("ada".into()));
    state.edit.absolute_deadline = Some(START.after(MINUTE));
}

fn plan(mode: Mode, known: Known, minutes: u32, act: impl Fn(&mut State)) -> String {
    let mut state = State::new(known);
    act(&mut state);
    settle(&policy(mode), &state, START.after(minutes * MINUTE)).to_string()
}

fn check(known: Known, minutes: u32, act: impl Fn(&mut State), expected: &str) {
    assert_eq!(plan(Mode::ServerSide, known, minutes, act), expected);
}

fn renew(state: &mut State) {
    state.fate = Fate::Renew;
}

fn renew_apart(state: &mut State) {
    state.fate = Fate::RenewApart;
}

fn elevate(state: &mut State) {
    state.fate = Fate::Elevate;
    state.edit.elevated_until = Some(Some(Timestamp::MAX));
}

#[test]
fn who_does_not_look_causes_nothing() {
    check(Known::Nobody, 0, |_| {}, "store: nothing, cookie: nothing");
    check(
        Known::Unopened(Unopened((*b"token").into())),
        20,
        |_| {},
        "store: nothing, cookie: nothing",
    );
    check(
        Known::Unread(credential()),
        20,
        |_| {},
        "store: nothing, cookie: nothing",
    );
}

#[test]
fn looking_where_there_is_no_session_begins_none() {
    check(Known::Nobody, 0, look, "store: nothing, cookie: nothing");
    check(
        Known::Ended(Ending::Idle),
        0,
        look,
        "store: nothing, cookie: nothing",
    );
    check(
        Known::Nobody,
        0,
        |state| state.delta.remove("k"),
        "store: nothing, cookie: nothing",
    );
    check(
        Known::Nobody,
        0,
        |state| state.delta.clear(),
        "store: nothing, cookie: nothing",
    );
    check(Known::Nobody, 0, renew, "store: nothing, cookie: nothing");
}

#[test]
fn a_session_begins_when_something_is_set() {
    check(Known::Nobody, 0, set, "store: create, cookie: set");
    check(
        Known::Ended(Ending::Idle),
        0,
        set,
        "store: create, cookie: set",
    );
    check(Known::Nobody, 0, sign_in, "store: create, cookie: set");
}

#[test]
fn a_change_is_committed_whether_or_not_the_session_was_read() {
    check(read(|_| {}), 0, set, "store: commit, cookie: nothing");
    check(
        Known::Unread(credential()),
        0,
        set,
        "store: commit, cookie: nothing",
    );
}

#[test]
fn reading_does_not_write_before_the_touch_point() {
    check(read(|_| {}), 4, look, "store: nothing, cookie: nothing");
    check(read(|_| {}), 6, look, "store: touch, cookie: nothing");
    check(
        read(|_| {}),
        1,
        |state| state.touch = true,
        "store: touch, cookie: nothing",
    );
    check(
        read(|live| live.meta.idle = None),
        600,
        look,
        "store: nothing, cookie: nothing",
    );
    check(
        read(|live| live.frozen = true),
        6,
        look,
        "store: nothing, cookie: nothing",
    );
}

#[test]
fn a_touch_asks_for_the_idle_timeout_of_the_session_itself() {
    let known = read(|live| live.meta.idle = Some(7 * MINUTE));
    let mut state = State::new(known);
    state.accessed = true;
    let now = START.after(3 * MINUTE);
    let plan = settle(
        &Policy {
            persistent: false,
            cookie_slides: false,
            expiry: Expiry::new(),
            ..policy(Mode::ServerSide)
        },
        &state,
        now,
    );
    assert_eq!(plan.store, Step::Touch(now.after(7 * MINUTE)));
}

#[test]
fn signing_in_renewing_and_elevating_take_a_new_id() {
    for act in [sign_in as fn(&mut State), renew, renew_apart, elevate] {
        check(read(|_| {}), 0, act, "store: rotate, cookie: set");
        check(
            Known::Unread(credential()),
            0,
            act,
            "store: rotate, cookie: set",
        );
    }
}

/// Scar 6, and the rule that the first of two renewals wins.
#[test]
fn who_comes_through_an_alias_is_overtaken_and_sends_no_cookie() {
    for overtaken in [(|live| live.moved = true) as fn(&mut Live), |live| {
        live.frozen = true
    }] {
        check(read(overtaken), 0, renew, "store: nothing, cookie: nothing");
        check(read(overtaken), 0, set, "store: commit, cookie: nothing");
        let old_key = move |live: &mut Live| {
            overtaken(live);
            live.old_key = true;
        };
        check(read(old_key), 0, look, "store: nothing, cookie: nothing");
        check(read(overtaken), 0, sign_in, "store: rotate, cookie: set");
    }
}

#[test]
fn privileges_are_raised_of_a_living_session_only() {
    let refused = "store: refuse, cookie: nothing";
    check(Known::Nobody, 0, elevate, refused);
    check(Known::Ended(Ending::Idle), 0, elevate, refused);
    assert_eq!(
        plan(Mode::ClientSide, Known::Ended(Ending::Idle), 0, elevate),
        refused
    );
}

#[test]
fn what_was_ended_is_deleted_and_the_cookie_goes_with_it() {
    check(
        read(|_| {}),
        0,
        State::end,
        "store: delete, nothing, cookie: remove",
    );
    check(
        Known::Unread(credential()),
        0,
        State::end,
        "store: delete, nothing, cookie: remove",
    );
    check(
        Known::Ended(Ending::Idle),
        0,
        State::end,
        "store: nothing, cookie: remove",
    );
    check(
        Known::Nobody,
        0,
        State::end,
        "store: nothing, cookie: nothing",
    );
}

#[test]
fn what_is_written_after_the_end_is_a_new_session() {
    let farewell = |state: &mut State| {
        set(state);
        state.end();
        assert!(state.delta.is_empty());
        set(state);
    };
    check(
        read(|_| {}),
        0,
        farewell,
        "store: delete, create, cookie: set",
    );
    check(Known::Nobody, 0, farewell, "store: create, cookie: set");
}

#[test]
fn a_cookie_is_sent_anew_when_its_key_or_its_lifetime_is_old() {
    check(
        read(|live| live.old_key = true),
        0,
        look,
        "store: nothing, cookie: set",
    );
    check(
        read(|live| live.old_key = true),
        0,
        |_| {},
        "store: nothing, cookie: nothing",
    );
    check(
        read(|_| {}),
        0,
        |state| state.edit.persistent = Some(true),
        "store: commit, cookie: set",
    );
}

#[test]
fn an_ambiguous_cookie_is_taken_away_unless_a_new_one_replaces_it() {
    check(
        Known::Nobody,
        0,
        |state| state.ambiguous = true,
        "store: nothing, cookie: remove",
    );
    let begin = |state: &mut State| {
        state.ambiguous = true;
        set(state);
    };
    check(Known::Nobody, 0, begin, "store: create, cookie: set");
}

#[test]
fn a_client_side_session_is_sealed_when_it_changed_and_asks_no_store() {
    let check = |known, minutes, act: fn(&mut State), expected: &str| {
        assert_eq!(plan(Mode::ClientSide, known, minutes, act), expected);
    };
    let own = || Known::Live(None, Box::new(live()));
    check(Known::Nobody, 0, look, "store: nothing, cookie: nothing");
    check(Known::Nobody, 0, set, "store: nothing, cookie: seal");
    check(own(), 0, look, "store: nothing, cookie: nothing");
    check(own(), 6, look, "store: nothing, cookie: seal");
    check(own(), 0, set, "store: nothing, cookie: seal");
    check(own(), 0, renew, "store: nothing, cookie: seal");
    check(own(), 0, sign_in, "store: nothing, cookie: seal");
    check(own(), 0, State::end, "store: nothing, cookie: remove");
}
