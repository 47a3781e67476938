//! What sessions have left behind is ended before a node knows the old place alone again, and nothing that lives.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are not seen to be tests"
)]

use std::{cell::Cell, time::Duration};

use abiding::{Found, KeyRing, LeftBehind, Manager, Phase, Session, store::Scan};
use abiding_testkit::{block_on, cancel_at_every_await};

use crate::{
    meeting::meet,
    moving::{NEW, OLD, Stage, fill_in, is_live, request},
};

fn page(stage: &Stage, end: usize) -> Vec<Found> {
    let scan = stage.stores[end].store().scan(None, 99, stage.clock.now());
    block_on(scan).unwrap()
}

/// The pass of a return, over all of the old place.
fn pass(stage: &Stage) -> Vec<LeftBehind> {
    let node = stage.node(OLD, Some(Phase::Move));
    let all = page(stage, OLD);
    let seen = all.iter().map(|found| {
        let told = block_on(node.left_behind(found)).unwrap();
        let done = block_on(node.end_left_behind(found)).unwrap();
        assert_eq!(told, done, "what is told is what is done");
        done
    });
    seen.collect()
}

async fn look(session: &Session) {
    assert_eq!(session.get::<u32>("step").await.unwrap(), Some(2));
}

/// Fills in the form in the old place and moves the session to the new one: what the browser held first, and then.
fn moved(stage: &Stage) -> (String, String) {
    let first = request(&stage.node(OLD, None), "", fill_in);
    let then = request(&stage.node(NEW, Some(Phase::Move)), &first, look);
    (first, then)
}

#[test]
fn what_was_signed_out_where_the_new_place_was_known_alone_stays_so_in_the_old_one() {
    for same in [true, false] {
        let stage = Stage::new(same);
        let (old, new) = (stage.node(OLD, None), stage.node(NEW, None));
        let (first, then) = moved(&stage);
        let (_, lives) = moved(&stage);
        let stays = request(&old, "", fill_in);
        request(&new, &then, async |session| session.logout());
        assert!(is_live(&old, &first), "this is what the pass is for");

        let mut seen = pass(&stage);
        seen.sort_by_key(|seen| format!("{seen:?}"));
        let expected = [LeftBehind::Lives, LeftBehind::Nothing, LeftBehind::Over];
        assert_eq!(seen, expected, "same: {same}");
        assert!(!is_live(&old, &first) && !is_live(&old, &then));
        assert!(is_live(&new, &lives) && is_live(&old, &stays));
        assert!(!pass(&stage).contains(&LeftBehind::Over), "once is enough");
        // The others come back.
        let back = request(&stage.node(OLD, Some(Phase::Move)), &lives, look);
        assert!(is_live(&old, &back));
        assert_eq!(pass(&stage), [LeftBehind::Nothing; 2]);
    }
}

/// An id that was given up in the new place leads to the session for its grace and to nothing afterwards, also
/// where the old place is all that is known.
#[test]
fn an_id_that_was_given_up_does_not_come_back_with_the_old_place() {
    for same in [true, false] {
        for is_prompt in [true, false] {
            let stage = Stage::new(same);
            let (old, new) = (stage.node(OLD, None), stage.node(NEW, None));
            let (first, then) = moved(&stage);
            let renewed = request(&new, &then, async |session| session.renew());
            if !is_prompt {
                stage.clock.advance(Duration::from_secs(31));
            }
            assert_eq!(pass(&stage), [LeftBehind::Over]);
            let back = stage.node(OLD, Some(Phase::Move));
            assert_eq!(is_live(&back, &first), is_prompt, "same: {same}");
            assert!(!pass(&stage).contains(&LeftBehind::Over), "once is enough");
            stage.clock.advance(Duration::from_secs(31));
            assert!(!is_live(&old, &first), "same: {same}, at once: {is_prompt}");
            let renewed = request(&back, &renewed, look);
            assert!(is_live(&old, &renewed));
        }
    }
}

/// Whatever is done with a session while the pass is under way, and wherever the pass is at that moment.
#[test]
fn a_pass_under_traffic_ends_nothing_that_lives() {
    type Act = fn(&Stage, &str);
    let meanwhile: [(&str, bool, Act); 4] = [
        ("comes back", true, |stage, jar| {
            request(&stage.node(OLD, Some(Phase::Move)), jar, look);
        }),
        ("is used over there", true, |stage, jar| {
            let node = stage.node(NEW, Some(Phase::Probe));
            request(&node, jar, async |session| {
                session.insert("more", &1).unwrap()
            });
        }),
        ("is mirrored", true, |stage, jar| {
            let node = stage.node(NEW, Some(Phase::Mirror));
            request(&node, jar, async |session| {
                session.insert("more", &1).unwrap()
            });
        }),
        ("is signed out", false, |stage, jar| {
            let node = stage.node(NEW, Some(Phase::Probe));
            request(&node, jar, async |session| session.logout());
        }),
    ];
    for same in [true, false] {
        for (what, lives, act) in meanwhile {
            for at in 0..12 {
                let stage = Stage::new(same);
                let (_, jar) = moved(&stage);
                let found = page(&stage, OLD).remove(0);
                let node = stage.node(OLD, Some(Phase::Move));
                let pass = node.end_left_behind(&found);
                let (seen, ()) = block_on(meet((pass, at), (async { act(&stage, &jar) }, 1)));
                let what = format!("same: {same}: {what} at {at}: {seen:?}");
                assert!(seen.unwrap() != LeftBehind::Over || !lives, "{what}");
                assert_eq!(is_live(&node, &jar), lives, "{what}");
            }
        }
    }
}

#[test]
fn a_pass_that_is_stopped_at_any_moment_is_gone_on_with() {
    for same in [true, false] {
        let stage = Stage::new(same);
        let signed_out: Vec<_> = (0..20)
            .map(|_| {
                let (first, then) = moved(&stage);
                request(&stage.node(NEW, None), &then, async |session| {
                    session.logout()
                });
                first
            })
            .collect();
        let node = stage.node(OLD, Some(Phase::Move));
        let (cuts, found) = (Cell::new(0), page(&stage, OLD));
        block_on(cancel_at_every_await(
            async |cut: usize| node.end_left_behind(&found[cut]).await.unwrap(),
            async |cut| cuts.set(cut),
        ));
        assert!(cuts.get() > 4, "there were but {} awaits", cuts.get());
        stage.clock.advance(Duration::from_secs(2));
        pass(&stage);
        let old = stage.node(OLD, None);
        assert!(signed_out.iter().all(|jar| !is_live(&old, jar)));
    }
}

/// Where a place lists nothing, what is shown to a node that knows both is over from then on.
#[test]
fn what_was_signed_out_is_ended_when_it_is_shown_to_a_node_that_knows_both_places() {
    for same in [true, false] {
        let stage = Stage::new(same);
        let (first, then) = moved(&stage);
        request(&stage.node(NEW, None), &then, async |session| {
            session.logout();
        });
        assert!(is_live(&stage.node(OLD, None), &first));
        assert!(!is_live(&stage.node(OLD, Some(Phase::Move)), &first));
        assert!(!is_live(&stage.node(OLD, None), &first), "same: {same}");
    }
}

/// A move that never came to its end has left a copy, and its original is over.
#[test]
fn a_copy_of_what_ended_is_ended() {
    for same in [true, false] {
        let stage = Stage::new(same);
        let jars: Vec<_> = (0..40)
            .map(|_| request(&stage.node(OLD, None), "", fill_in))
            .collect();
        let mover = stage.node(NEW, Some(Phase::Move));
        block_on(cancel_at_every_await(
            async |cut| {
                let session = mover.open([jars[cut].as_bytes()]);
                session.keys().await.unwrap();
            },
            async |_| {},
        ));
        for jar in &jars {
            request(&stage.node(OLD, None), jar, async |session| {
                session.logout()
            });
        }
        let mut over = 0;
        for found in page(&stage, NEW) {
            let seen = block_on(mover.end_left_behind(&found)).unwrap();
            over += usize::from(seen == LeftBehind::Over);
        }
        assert!(over > 0, "same: {same}");
        let copies =
            |found: &Found| block_on(mover.left_behind(found)).unwrap() == LeftBehind::Over;
        assert!(!page(&stage, NEW).iter().any(copies), "same: {same}");
    }
}

/// What is in a cookie is good until it expires: nobody can say that it is over.
#[test]
fn what_went_into_a_cookie_is_left_alone() {
    let stage = Stage::new(true);
    let jar = request(&stage.node(OLD, None), "", fill_in);
    let cookie = || {
        let builder = Manager::client_side(KeyRing::generate().unwrap()).irrevocable();
        builder.clock(stage.clock.clone())
    };
    let out = cookie().elsewhere(stage.node(OLD, None), Phase::Move);
    request(&out.build().unwrap(), &jar, look);
    let back = stage.node_beside(OLD, cookie().build().unwrap());
    let found = page(&stage, OLD);
    assert_eq!(found.len(), 1);
    assert_eq!(
        block_on(back.end_left_behind(&found[0])).unwrap(),
        LeftBehind::Unknown
    );
    let from_a_cookie = cookie().elsewhere(stage.node(OLD, None), Phase::Move);
    let from_a_cookie = from_a_cookie.build().unwrap();
    assert!(block_on(from_a_cookie.end_left_behind(&found[0])).is_err());
}
