//! The form of five steps, with PostgreSQL sessions: it is killed between any two steps, and asks nothing twice.

use abiding_testkit::servers::postgres::PostgresServer;

use crate::Stage;

const STEPS: [(&str, &[(&str, &str)]); 4] = [
    (
        "personal",
        &[
            ("first_names", "Zoë"),
            ("surname", "Dlamini"),
            ("id_number", "8001015009087"),
        ],
    ),
    (
        "contact",
        &[
            ("email", "zoe@example.org"),
            ("phone", "011 555 0100"),
            ("town", "Soweto"),
        ],
    ),
    (
        "declaration",
        &[("agrees", "yes"), ("signature", "Z. Dlamini")],
    ),
    ("payment", &[("method", "Cash at the branch")]),
];

#[test]
fn five_steps_become_one_application_though_it_is_killed_between_them() {
    let Some(server) = PostgresServer::new() else {
        return;
    };
    let url = format!(
        "postgresql+psycopg2://postgres@{}/postgres",
        server.address()
    );
    let Some(mut stage) = Stage::set(&["membership"], &[("DATABASE_URL", url)]) else {
        return;
    };
    stage.go("/");
    for (number, (slug, answers)) in STEPS.into_iter().enumerate() {
        let _ = stage.browser.test_id(&format!("step-{slug}"));
        stage.fill(answers);
        stage.press("continue");
        if number % 2 == 1 {
            stage.example.kill_and_restart();
            stage.browser.reload();
        }
    }
    for (name, shown) in STEPS.into_iter().flat_map(|(_, answers)| answers) {
        assert_eq!(stage.seen(&format!("review-{name}")), *shown);
    }
    stage.all_went_well("flask-membership-review");

    // A step in another tab, while this one is open.
    let first = stage.browser.tab();
    let _ = stage.browser.new_tab();
    stage.go("/step/contact");
    assert_eq!(stage.held("town"), "Soweto");
    stage.fill(&[("town", "Diepkloof")]);
    stage.press("continue");
    stage.browser.switch(&first);
    stage.press("edit-surname");
    stage.fill(&[("surname", "Khumalo")]);
    stage.press("continue");
    assert_eq!(stage.seen("review-town"), "Diepkloof");
    assert_eq!(stage.seen("review-surname"), "Khumalo");
    stage.press("send");
    assert_eq!(stage.seen("number"), "M-00001");
    stage.all_went_well("flask-membership-done");
}
