//! Every page of the demo, one line each: what its pictures are called, where it is, and the button that is pressed there first, if any.
//! A line that is added here is pictured, judged by the axe rules and kept from asking other hosts.

use crate::stage::Stage;

type Page = (&'static str, &'static str, &'static str);

/// For somebody who has done nothing yet. A form that is sent empty shows what is wrong.
const OF_NEWCOMERS: &[Page] = &[
    ("home", "/", ""),
    ("sign-in", "/sign-in", ""),
    ("sign-in-why", "/sign-in?reason=idle", ""),
    ("sign-in-errors", "/sign-in", "submit-sign-in"),
    ("register", "/register", ""),
    ("register-errors", "/register", "submit-register"),
    ("personal-new", "/membership/personal", ""),
    ("personal-errors", "/membership/personal", "continue"),
    ("shop-empty", "/shop", ""),
    ("code", "/code", ""),
    ("code-errors", "/code", "send-code"),
    ("mailbox-empty", "/mailbox", ""),
    ("lab", "/lab", ""),
    ("lab-run", "/lab", "lab-run"),
    ("operator", "/operator", ""),
    ("operator-revoke", "/operator", "revoke-signing"),
    ("places-cookie", "/operator/places/cookie", ""),
    ("not-found", "/no-such-page", ""),
];

/// For a visitor with the form filled in and a code on the way.
const OF_VISITORS: &[Page] = &[
    ("personal", "/membership/personal", ""),
    ("contact", "/membership/contact", ""),
    ("declaration", "/membership/declaration", ""),
    ("payment", "/membership/payment", ""),
    ("review", "/membership/review", ""),
    ("shop", "/shop", ""),
    ("code-verify", "/code/verify", ""),
    ("code-unreadable", "/code/verify", "submit-code"),
    ("code-paused", "/code/verify", "resend"),
    ("mailbox", "/mailbox", ""),
    ("session", "/session", ""),
    ("done", "/membership/review", "submit-application"),
];

/// For somebody who is signed in, with a party, and with two platforms of which the first is active.
const OF_USERS: &[Page] = &[
    ("home-signed-in", "/", ""),
    ("organizer", "/organizer", ""),
    ("organizer-errors", "/organizer", "plan"),
    ("party", "/organizer/1", ""),
    ("party-errors", "/organizer/1", "invite"),
    ("devices", "/account/devices", ""),
    ("password", "/account/password", ""),
    ("password-errors", "/account/password", "change-password"),
    ("platforms", "/platforms", ""),
    ("platform-new", "/platforms/new", ""),
    ("platform-new-errors", "/platforms/new", "connect"),
    ("platform", "/platforms/1", ""),
    ("desk", "/platforms/desk", ""),
    ("desk-errors", "/platforms/desk", "publish"),
    (
        "elsewhere",
        "/platforms/elsewhere?platform=2.1&text=Balloons",
        "",
    ),
    ("session-signed-in", "/session", ""),
    ("operator-signed-in", "/operator", ""),
    ("places", "/operator/places", ""),
    ("platforms-cleared", "/platforms", "clear"),
];

/// Goes to every page, in this order, and has each looked at.
pub(crate) fn walk(stage: &Stage, mut look: impl FnMut(&str)) {
    let mut each = |pages: &[Page]| {
        for (name, path, button) in pages {
            stage.go(path);
            if !button.is_empty() {
                stage.press(button);
            }
            let _ = stage.browser.test_id("page-title");
            look(name);
        }
    };
    each(OF_NEWCOMERS);
    stage.fill_all();
    stage.ask_for_a_code("sipho@example.org");
    each(OF_VISITORS);
    stage.sign_in();
    stage.furnish();
    each(OF_USERS);
}

impl Stage {
    /// Plans a party with guests, connects two platforms, and works on the first.
    fn furnish(&self) {
        self.plan("Dinner for the neighbours");
        for name in ["Zanele", "Sipho Themba Dlamini-Khumalo"] {
            self.browser.test_id("field-name").fill(name);
            self.press("invite");
        }
        self.press("guest-1-yes");
        self.connect("Shop", "shop", "@party-shop");
        self.connect(
            "News for the neighbourhood",
            "newsletter",
            "news@example.org",
        );
        self.press("switch-1");
        self.answer("text", "Balloons are here.");
        self.press("publish");
    }

    /// Connects a platform.
    pub(crate) fn connect(&self, name: &str, kind: &str, account: &str) {
        self.go("/platforms/new");
        self.answer("name", name);
        self.answer("kind", kind);
        self.answer("account", account);
        self.press("connect");
    }
}
