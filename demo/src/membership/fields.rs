//! The questions of the membership form: five steps as a table.
//!
//! Pages draw what stands here, `checks` judges by it, `answers` stores by its names, and the columns
//! of the application table carry them. A question is added here and in a migration, nowhere else.

/// One page of questions.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) slug: &'static str,
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) fields: &'static [Field],
}

/// One question.
#[derive(Debug)]
pub(crate) struct Field {
    /// The name in the form, in the session (behind `membership.`) and in the table of applications.
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) control: Control,
    /// What to say when there is no answer; optional questions have nothing to say.
    pub(crate) missing: Option<&'static str>,
    pub(crate) autocomplete: &'static str,
    /// The most characters an answer may have.
    pub(crate) most: usize,
}

/// How an answer is given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Control {
    /// One of a few, all of them in sight.
    Choice(Options),
    Email,
    /// Several lines.
    Lines,
    /// One line that phones offer a number pad for.
    Number,
    Phone,
    /// One of many.
    Select(Options),
    /// A drawing: strokes of points.
    Strokes,
    Text,
    Tick,
}

/// Values, each with what people read.
pub(crate) type Options = &'static [(&'static str, &'static str)];

impl Step {
    /// The step of that name.
    pub(crate) fn named(slug: &str) -> Option<&'static Self> {
        STEPS.iter().find(|step| step.slug == slug)
    }

    /// The slug of what comes after this step.
    pub(crate) fn next(&self) -> &'static str {
        let after = STEPS
            .iter()
            .skip_while(|step| step.slug != self.slug)
            .nth(1);
        after.map_or(REVIEW, |step| step.slug)
    }

    /// The step before this one.
    pub(crate) fn previous(&self) -> Option<&'static Self> {
        STEPS
            .iter()
            .take_while(|step| step.slug != self.slug)
            .last()
    }
}

impl Field {
    const fn new(control: Control, name: &'static str, label: &'static str) -> Self {
        Self {
            name,
            label,
            hint: "",
            control,
            missing: None,
            autocomplete: "off",
            most: 100,
        }
    }

    const fn required(self, missing: &'static str) -> Self {
        Self {
            missing: Some(missing),
            ..self
        }
    }

    const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    const fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self {
            autocomplete,
            ..self
        }
    }

    const fn most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// What people read in place of a stored value.
    pub(crate) fn spelled<'a>(&self, value: &'a str) -> &'a str {
        match self.control {
            Control::Choice(options) | Control::Select(options) => options
                .iter()
                .find(|(known, _)| *known == value)
                .map_or(value, |(_, text)| text),
            Control::Tick if value == TICKED => "Yes",
            _ => value,
        }
    }
}

/// Every question of the form.
pub(crate) fn all_fields() -> impl Iterator<Item = &'static Field> {
    STEPS.iter().flat_map(|step| step.fields)
}

/// The last step has no questions of its own.
pub(crate) const REVIEW: &str = "review";
/// What a ticked box sends.
pub(crate) const TICKED: &str = "yes";

/// The steps that ask, in order.
pub(crate) const STEPS: &[Step] = &[
    Step {
        slug: "personal",
        title: "About you",
        lead: "Your ID number tells us your date of birth, so we do not ask for it again.",
        fields: &[
            Field::new(Control::Number, "id_number", "South African ID number")
                .hint("13 digits, as on your ID card or book")
                .required("Enter your ID number")
                .most(20),
            Field::new(Control::Text, "first_names", "First names")
                .autocomplete("given-name")
                .required("Enter your first names"),
            Field::new(Control::Text, "surname", "Surname")
                .autocomplete("family-name")
                .required("Enter your surname"),
            Field::new(
                Control::Select(LANGUAGES),
                "language",
                "Language you prefer",
            ),
            Field::new(Control::Text, "occupation", "Occupation")
                .autocomplete("organization-title"),
            Field::new(
                Control::Select(QUALIFICATIONS),
                "qualification",
                "Highest qualification",
            ),
        ],
    },
    Step {
        slug: "contact",
        title: "How we reach you",
        lead: "We write to you when your application was decided, and about nothing else.",
        fields: &[
            Field::new(Control::Email, "email", "Email address")
                .autocomplete("email")
                .required("Enter your email address")
                .most(254),
            Field::new(Control::Phone, "phone", "Phone number")
                .hint("For example 082 123 4567")
                .autocomplete("tel")
                .required("Enter your phone number")
                .most(30),
            Field::new(Control::Lines, "address", "Home address")
                .autocomplete("street-address")
                .required("Enter your home address")
                .most(400),
            Field::new(Control::Text, "municipality", "Municipality")
                .hint("For example City of Cape Town")
                .autocomplete("address-level2")
                .required("Enter your municipality"),
            Field::new(Control::Number, "ward", "Ward")
                .hint("The ward number, or its eight-digit code")
                .most(8),
        ],
    },
    Step {
        slug: "declaration",
        title: "Your declaration",
        lead: "Sign by typing your name or by drawing; one of the two is enough.",
        fields: &[
            Field::new(
                Control::Text,
                "signature_typed",
                "Your full name as signature",
            )
            .autocomplete("name"),
            Field::new(
                Control::Strokes,
                "signature_drawn",
                "Or draw your signature",
            )
            .most(4000),
            Field::new(
                Control::Tick,
                "agree_rules",
                "I accept the rules of the association",
            )
            .required("Accept the rules to become a member"),
            Field::new(Control::Tick, "agree_truth", "What I stated here is true")
                .required("Confirm that what you stated is true"),
            Field::new(
                Control::Tick,
                "agree_privacy",
                "My data may be kept to handle this application",
            )
            .required("Without this consent the application cannot be handled"),
            Field::new(Control::Lines, "reason", "Why do you want to join?").most(2000),
        ],
    },
    Step {
        slug: "payment",
        title: "How you pay",
        lead: "The fee is R 120 a year. Nothing is charged before your application was accepted.",
        fields: &[
            Field::new(Control::Choice(METHODS), "method", "Method of payment")
                .required("Choose how you pay"),
            Field::new(Control::Text, "reference", "Payment reference")
                .hint("As on your bank statement; needed for a transfer")
                .most(40),
        ],
    },
];

/// The twelve official languages of the country.
const LANGUAGES: Options = &[
    ("af", "Afrikaans"),
    ("en", "English"),
    ("nr", "isiNdebele"),
    ("xh", "isiXhosa"),
    ("zu", "isiZulu"),
    ("nso", "Sepedi"),
    ("st", "Sesotho"),
    ("tn", "Setswana"),
    ("sfs", "South African Sign Language"),
    ("ss", "siSwati"),
    ("ve", "Tshivenḓa"),
    ("ts", "Xitsonga"),
    ("other", "Another language"),
];

const METHODS: Options = &[
    ("eft", "Bank transfer (EFT)"),
    ("card", "Card at a branch"),
    ("debit", "Debit order"),
    ("cash", "Cash at a branch"),
];

const QUALIFICATIONS: Options = &[
    ("none", "None"),
    ("school", "National Senior Certificate (matric)"),
    ("certificate", "Higher certificate"),
    ("diploma", "Diploma"),
    ("degree", "Bachelor’s degree"),
    ("postgraduate", "Postgraduate degree"),
];
