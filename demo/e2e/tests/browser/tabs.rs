//! Two tabs of one visitor: they share a session, and neither takes from the other.

use crate::{
    applications::{holds_every_field, submitted},
    form::{CONTACT, DECLARATION, FORM, PERSONAL},
    stage::Stage,
};

#[test]
fn two_tabs_on_different_steps_both_keep_their_changes() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    let first = stage.browser.tab();
    stage.go("/membership/personal");
    let second = stage.browser.new_tab();
    stage.go("/membership/contact");

    // Both pages were loaded before either is sent.
    stage.answer("municipality", "eThekwini");
    stage.browser.switch(&first);
    stage.answer("occupation", "Teacher");
    stage.send();
    stage.browser.switch(&second);
    stage.send();

    stage.go("/membership/review");
    stage.browser.test_id("submit-application").follow();
    let _ = stage.browser.test_id("application-number");
    let applications = submitted(&stage.demo);
    holds_every_field(
        &applications[0],
        &[("municipality", "eThekwini"), ("occupation", "Teacher")],
    );
}

#[test]
fn two_tabs_that_send_at_the_same_moment_both_keep_their_changes() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    for round in 1..=10 {
        let _ = stage.browser.run(&format!(
            "const load = async slug => new DOMParser()
                 .parseFromString(await (await fetch('/membership/' + slug)).text(), 'text/html')
                 .querySelector(`[data-testid=step-${{slug}}]`);
             const send = (slug, form, name) => {{
                 const body = new URLSearchParams(new FormData(form));
                 body.set(name, '{round}');
                 return fetch('/membership/' + slug, {{ method: 'POST', body }});
             }};
             const [personal, declaration] = await Promise.all([load('personal'), load('declaration')]);
             await Promise.all([send('personal', personal, 'occupation'), send('declaration', declaration, 'reason')])"
        ));
        stage.go("/membership/review");
        for name in ["occupation", "reason"] {
            let shown = stage.browser.test_id(&format!("review-{name}")).text();
            assert_eq!(shown, round.to_string(), "{name} in round {round}");
        }
    }
}

#[test]
fn a_tab_goes_on_where_another_one_stopped() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", PERSONAL);
    let first = stage.browser.tab();
    let second = stage.browser.new_tab();
    stage.go("/membership");
    stage.take("contact", CONTACT);
    stage.browser.switch(&first);
    stage.go("/membership");
    stage.take("declaration", DECLARATION);
    stage.browser.switch(&second);
    stage.go("/membership");
    let (slug, answers) = FORM[3];
    stage.take(slug, answers);
    stage.browser.test_id("submit-application").follow();
    let _ = stage.browser.test_id("application-number");
    holds_every_field(&submitted(&stage.demo)[0], &[]);
}
