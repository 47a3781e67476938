//! A session ends two hours after it began. The visitor is told, loses nothing that is on the page, and begins again.

use crate::{
    form::{Answers, PERSONAL},
    stage::Stage,
};

const HOURS_2: u64 = 2 * 60 * 60;

#[test]
fn the_inspector_counts_down_to_the_end_of_two_hours() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    stage.go("/session");
    let deadline = stage
        .browser
        .test_id("deadline-absolute")
        .attribute("data-deadline");
    let deadline: u64 = deadline
        .and_then(|ms| ms.parse().ok())
        .expect("a deadline is in milliseconds");
    let now = stage
        .browser
        .run("return Date.now()")
        .as_u64()
        .expect("a date is a number");
    let left = (deadline - now) / 1000;
    assert!(
        (HOURS_2 - 60..=HOURS_2).contains(&left),
        "{left} s are left"
    );
}

#[test]
fn a_session_that_ended_is_told_and_a_new_one_begins() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let before = stage.browser.cookies();

    stage.demo.at_second(HOURS_2 + 1);
    stage.browser.reload();
    let notice = stage.browser.test_id("notice").text();
    assert!(notice.contains("ended"), "the notice is {notice:?}");
    assert_eq!(stage.held("surname"), "");
    stage.go("/session");
    assert_eq!(stage.browser.test_id("session-state").text(), "no session");

    stage.go("/membership");
    stage.take("personal", PERSONAL);
    stage.holds("contact", &[("email", "")]);
    let after = stage.browser.cookies();
    assert_eq!(after.len(), 1);
    assert_ne!(after, before);
}

#[test]
fn what_a_page_shows_when_its_session_ended_can_be_sent_again() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    stage.go("/membership/personal");

    stage.demo.at_second(HOURS_2 + 1);
    stage.send();
    let notice = stage.browser.test_id("notice").text();
    assert!(notice.contains("ended"), "the notice is {notice:?}");
    stage.holds("personal", PERSONAL);
    stage.send();
    stage.holds("contact", &[("email", "")]);
    stage.go("/membership/personal");
    stage.holds("personal", PERSONAL);
}

#[test]
fn an_answer_changed_after_the_session_ended_is_kept_by_the_one_that_begins() {
    let Some(stage) = Stage::set() else { return };
    const TYPED: Answers = &[
        ("first_names", "Sipho Themba"),
        ("surname", "Dlamini-Khumalo"),
    ];
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    stage.go("/membership/personal");

    stage.demo.at_second(HOURS_2 + 1);
    stage.answer("surname", "Dlamini-Khumalo");
    // The draft of this answer is the first to learn of the end: the page says so and stays.
    stage.browser.test_id("continue").click();
    let notice = stage.browser.test_id("notice").text();
    assert!(notice.contains("ended"), "the notice is {notice:?}");
    stage.holds("personal", TYPED);
    stage.send();
    stage.holds("contact", &[("email", "")]);
    stage.go("/membership/personal");
    stage.holds("personal", TYPED);
}

#[test]
fn neither_silence_ends_a_session_early_nor_work_lets_it_live_longer() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    for second in [HOURS_2 / 2, HOURS_2 - 60] {
        stage.demo.at_second(second);
        stage.go("/membership/personal");
        stage.holds("personal", PERSONAL);
        stage.send();
    }
    stage.demo.at_second(HOURS_2 + 1);
    stage.go("/membership/personal");
    assert_eq!(stage.held("surname"), "");
}
