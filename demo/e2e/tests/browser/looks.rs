//! Every page in every look: pictures for people, and what a program can judge.

use abiding_demo_e2e::Browser;

use crate::{pages, stage::Stage};

/// What the pages are shown on, and in which colours.
const LOOKS: [(&str, (u32, u32), bool); 4] = [
    ("desk-light", (1280, 900), false),
    ("desk-dark", (1280, 900), true),
    ("phone-light", (390, 844), false),
    ("phone-dark", (390, 844), true),
];

#[test]
fn every_page_does_well_in_every_look() {
    let Some(stage) = Stage::set() else { return };
    let browser = &stage.browser;
    let mut wrong = Vec::new();
    pages::walk(&stage, |page| {
        for (look, (width, height), dark) in LOOKS {
            browser.resize(width, height);
            browser.prefer_dark(dark);
            browser.screenshot(&format!("{page}-{look}"));
            let told = faults(browser, width);
            wrong.extend(
                told.into_iter()
                    .map(|fault| format!("{page}-{look}: {fault}")),
            );
        }
        // The next page is found as at a desk.
        browser.resize(1280, 900);
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_code_that_has_ended_does_well_too() {
    let Some(stage) = Stage::set() else { return };
    stage.ask_for_a_code("sipho@example.org");
    stage.demo.at_second(601);
    stage.go("/code/verify");
    stage.browser.screenshot("code-expired-desk-light");
    assert_eq!(faults(&stage.browser, 1280), [""; 0]);
}

#[test]
fn no_page_asks_anything_of_another_host_or_could() {
    let Some(stage) = Stage::set() else { return };
    let browser = &stage.browser;
    let here = stage.demo.url("/");
    pages::walk(&stage, |page| {
        let asked = browser.requests();
        assert!(!asked.is_empty(), "{page} is not in the browser's log");
        // What is no address of the network is the browser's own: `chrome:`, `data:`.
        let on_the_network =
            |address: &&String| ["http", "ws"].iter().any(|s| address.starts_with(s));
        for address in asked.iter().filter(on_the_network) {
            assert!(address.starts_with(&here), "{page} asks for {address}");
        }
        let policy = browser
            .run("return (await fetch(location.href)).headers.get('content-security-policy')");
        let policy = policy.as_str().unwrap_or_default();
        assert!(
            policy.starts_with("default-src 'none'"),
            "{page}: {policy:?}"
        );
        let elsewhere = ["http:", "https:", "*", "unsafe"];
        assert!(
            !elsewhere.iter().any(|word| policy.contains(word)),
            "{page}: {policy}"
        );
        // What the policy has stopped is told there.
        assert_eq!(
            browser
                .console()
                .iter()
                .find(|line| line.contains("Policy")),
            None,
            "{page}"
        );
    });
}

/// What is wrong with the page as it is shown now.
fn faults(browser: &Browser, width: u32) -> Vec<String> {
    let mut faults = browser.violations().unwrap_or_default();
    let wide = browser.run("return document.documentElement.scrollWidth");
    if wide.as_u64() > Some(u64::from(width)) {
        faults.push(format!("{wide} pixels wide"));
    }
    let worst = browser.run(CONTRAST);
    if worst["ratio"].as_f64() < Some(4.5) {
        faults.push(format!("hard to read: {worst}"));
    }
    faults
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
