//! Pictures of every page, for people to look at, and the little about looks that a program can judge.

use crate::stage::Stage;

#[test]
fn every_page_fits_a_phone_and_a_desk_in_light_and_dark() {
    let Some(stage) = Stage::set() else { return };
    stage.fill_all();
    stage.ask_for_a_code("sipho@example.org");
    picture(
        &stage,
        &[
            ("/", "home"),
            ("/membership/personal", "personal"),
            ("/membership/contact", "contact"),
            ("/membership/declaration", "declaration"),
            ("/membership/payment", "payment"),
            ("/membership/review", "review"),
            ("/shop", "shop"),
            ("/code", "code"),
            ("/code/verify", "code-verify"),
            ("/mailbox", "mailbox"),
            ("/session", "session"),
            ("/lab", "lab"),
            ("/operator", "operator"),
            ("/no-such-page", "not-found"),
            ("/sign-in?reason=idle", "sign-in"),
            ("/register", "register"),
        ],
    );
}

#[test]
fn the_pages_of_whoever_is_signed_in_fit_as_well() {
    let Some(stage) = Stage::set() else { return };
    stage.sign_in();
    stage.plan("Dinner for the neighbours");
    let party = stage.browser.path();
    for name in ["Zanele", "Sipho Themba Dlamini-Khumalo"] {
        stage.browser.test_id("field-name").fill(name);
        stage.press("invite");
    }
    stage.press("guest-1-yes");
    picture(
        &stage,
        &[
            ("/", "home-signed-in"),
            ("/organizer", "organizer"),
            (&party, "party"),
            ("/account/devices", "devices"),
            ("/account/password", "password"),
        ],
    );
}

fn picture_errors(stage: &Stage, page: &str) {
    for (theme, dark) in [("light", false), ("dark", true)] {
        stage.browser.prefer_dark(dark);
        stage.browser.screenshot(&format!("{page}-errors-{theme}"));
    }
    assert!(stage.browser.has("error-summary"));
}

/// Takes each page in every size and theme, and judges what a program can.
fn picture(stage: &Stage, pages: &[(&str, &str)]) {
    let browser = &stage.browser;
    for (path, page) in pages {
        for (size, (width, height)) in [("desk", (1280, 900)), ("phone", (390, 844))] {
            browser.resize(width, height);
            for (theme, dark) in [("light", false), ("dark", true)] {
                browser.prefer_dark(dark);
                stage.go(path);
                browser.screenshot(&format!("{page}-{size}-{theme}"));
                let wide = browser
                    .run("return document.documentElement.scrollWidth")
                    .as_u64();
                assert!(
                    wide <= Some(u64::from(width)),
                    "{path} is {wide:?} wide on a {size}"
                );
                let worst = browser.run(CONTRAST);
                assert!(
                    worst["ratio"].as_f64() >= Some(4.5),
                    "{path} in {theme}: {worst}"
                );
            }
        }
    }
}

#[test]
fn errors_are_pictured_as_well() {
    let Some(stage) = Stage::set() else { return };
    stage.go("/membership");
    stage.take("personal", &[("id_number", "8001015009088")]);
    picture_errors(&stage, "personal");
    stage.go("/register");
    stage.press("submit-register");
    picture_errors(&stage, "register");
    stage.ask_for_a_code("sipho@example.org");
    for (picture, testid, title) in [
        ("code-paused", "resend", "A code is on its way"),
        ("code-unreadable", "to-verify", "Enter your code"),
    ] {
        stage.browser.test_id(testid).follow();
        if stage.browser.has("submit-code") {
            stage.browser.test_id("submit-code").follow();
        }
        assert_eq!(stage.browser.test_id("page-title").text(), title);
        for (theme, dark) in [("light", false), ("dark", true)] {
            stage.browser.prefer_dark(dark);
            stage.browser.screenshot(&format!("{picture}-{theme}"));
        }
    }
    stage.demo.at_second(601);
    stage.browser.reload();
    stage.go("/code/verify");
    stage.browser.screenshot("code-expired-dark");
}

/// Finds the text with the least contrast to the colour it stands on, by the formula of WCAG 2.
const CONTRAST: &str = "
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = colour => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return canvas.getImageData(0, 0, 1, 1).data;
    };
    const luminance = colour => {
        const [r, g, b] = [...rgba(colour)].slice(0, 3).map(c => c / 255)
            .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = element => {
        for (let e = element; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor;
            if (rgba(colour)[3] === 255) return colour;
        }
        return 'white';
    };
    let worst = { ratio: 21, text: '' };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.data.trim(), element = texts.currentNode.parentElement;
        if (!text || !element.checkVisibility() || element.matches(':disabled, script, style, noscript')) continue;
        const [a, b] = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < worst.ratio) worst = { ratio, text };
    }
    return worst";
