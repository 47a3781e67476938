//! When a session ends by itself: never later than it may, and never because of a neighbour's settings.

use std::time::Duration;

use abiding::Expiry;
use abiding_testkit::ManualClock;
use abiding_tower::{Failure, Session};
use http::StatusCode;

use crate::{
    browser::Browser,
    stage::{MINUTE, Setup, Stage, show},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

on_each_store![
    a_clock_that_jumps_back_neither_ends_nor_prolongs_a_session,
    a_deadline_is_kept_to_the_millisecond,
    a_lifetime_of_its_own_survives_every_later_write_and_restart,
    no_use_prolongs_a_session_beyond_its_absolute_lifetime,
    use_keeps_a_session_alive_and_idling_ends_it,
];

async fn visitor(stage: &Stage) -> Browser {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("n", &0)?)
        })
        .await
        .text();
    browser
}

/// Scar 13.
async fn a_lifetime_of_its_own_survives_every_later_write_and_restart(mut stage: Stage) {
    let mut browser = Browser::new();
    let remember = |session: Session| async move {
        session.login("ada")?;
        session
            .set_expiry(Expiry::new().idle(7 * DAY).absolute(30 * DAY))
            .unwrap();
        Ok::<_, Failure>(session.set_persistent(true))
    };
    stage.visit(&mut browser, remember).await.text();
    let deadline = |session: Session| async move {
        Ok(session
            .info()
            .await?
            .map_or(0, |info| info.absolute_deadline.as_millis())
            .to_string())
    };
    let expected = stage.now().after(30 * DAY).as_millis().to_string();
    let acts: [fn(Session) -> Result<(), Failure>; 5] = [
        |session| Ok(session.insert("n", &1)?),
        |session| Ok(session.renew()),
        |session| Ok(session.elevate(MINUTE)),
        |session| Ok(session.clear()),
        |_| Ok(()),
    ];
    for act in acts {
        stage.clock.advance(5 * DAY);
        stage
            .visit(&mut browser, move |session| async move { act(session) })
            .await
            .text();
        stage.visit(&mut browser, show).await.text();
        assert_eq!(stage.request(&browser, deadline).await.text(), expected);
        stage.manager = stage.another(Setup {
            expiry: Some(Expiry::new().absolute(MINUTE)),
            ..Setup::default()
        });
    }
    stage.clock.advance(5 * DAY);
    assert_eq!(stage.shown(&browser).await, "-");
}

/// LC-6: ten thousand random uses, renewals and elevations.
async fn no_use_prolongs_a_session_beyond_its_absolute_lifetime(stage: Stage) {
    let stage = stage.with(Setup {
        expiry: Some(Expiry::new().idle(MINUTE).absolute(DAY)),
        ..Setup::default()
    });
    let mut browser = visitor(&stage).await;
    let deadline = stage.now().after(DAY);
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..10_000 {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let roll = dice >> 60;
        // 86,400 seconds in 10,000 steps of at most 17.
        stage
            .clock
            .advance(Duration::from_millis(dice >> 40 & 0x3fff));
        let act = move |session: Session| async move {
            match roll {
                0..8 => session.touch().await?,
                8..10 => session.renew(),
                10..12 => session.elevate(DAY),
                12..14 => session.insert("n", &roll)?,
                _ => drop(session.get::<u64>("n").await?),
            }
            let deadline = session
                .info()
                .await?
                .map(|info| info.absolute_deadline.as_millis());
            Ok(deadline.map_or_else(String::new, |deadline| deadline.to_string()))
        };
        match stage.visit(&mut browser, act).await.text() {
            "" => break,
            shown => assert_eq!(shown, deadline.as_millis().to_string()),
        }
    }
    stage.clock.set(deadline);
    assert_eq!(stage.shown(&browser).await, "-");
    assert_eq!(stage.records().await, []);
}

async fn use_keeps_a_session_alive_and_idling_ends_it(stage: Stage) {
    let browser = visitor(&stage).await;
    for _ in 0..20 {
        stage.clock.advance(26 * MINUTE);
        assert_eq!(stage.shown(&browser).await, "n=0");
    }
    stage.clock.advance(30 * MINUTE);
    assert_eq!(stage.shown(&browser).await, "-");
}

/// Scar 16.
async fn a_deadline_is_kept_to_the_millisecond(stage: Stage) {
    let lifetime = Duration::from_millis(1_500);
    let stage = stage.with(Setup {
        expiry: Some(Expiry::new().no_idle().absolute(lifetime)),
        ..Setup::default()
    });
    let browser = visitor(&stage).await;
    stage.clock.advance(lifetime - Duration::from_millis(1));
    assert_eq!(stage.shown(&browser).await, "n=0");
    stage.clock.advance(Duration::from_millis(1));
    assert_eq!(stage.shown(&browser).await, "-");
}

/// RB-7: what was written while the clock was ahead is not shortened, and nothing lives longer by it.
async fn a_clock_that_jumps_back_neither_ends_nor_prolongs_a_session(stage: Stage) {
    let mut browser = visitor(&stage).await;
    let write = |session: Session| async move { Ok(session.insert("n", &1)?) };
    stage.clock.advance(10 * MINUTE);
    stage.visit(&mut browser, write).await.text();
    let before = stage.records().await.remove(0).record;
    stage.clock.set(ManualClock::START.before(DAY));
    let change = |session: Session| async move { Ok(session.insert("n", &2)?) };
    assert_eq!(
        stage.visit(&mut browser, change).await.status,
        StatusCode::OK
    );
    stage
        .visit(
            &mut browser,
            |session| async move { Ok(session.touch().await?) },
        )
        .await
        .text();
    let after = stage.records().await.remove(0).record;
    assert_eq!(
        (after.idle_deadline, after.absolute_deadline, after.seen),
        (before.idle_deadline, before.absolute_deadline, before.seen)
    );
    stage.clock.set(before.idle_deadline);
    assert_eq!(stage.shown(&browser).await, "-");
}
