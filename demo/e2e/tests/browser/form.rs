//! The membership form as one person fills it: every question answered, in the order of the steps.

/// The name of a step, as its address ends.
pub(crate) type Slug = &'static str;

/// Names of fields, each with what is typed, ticked or chosen.
pub(crate) type Answers = &'static [(&'static str, &'static str)];

/// The four steps that ask.
pub(crate) const FORM: [(Slug, Answers); 4] = [
    ("personal", PERSONAL),
    ("contact", CONTACT),
    ("declaration", DECLARATION),
    ("payment", PAYMENT),
];

pub(crate) const PERSONAL: Answers = &[
    ("id_number", "8001015009087"),
    ("first_names", "Sipho Themba"),
    ("surname", "Dlamini"),
    ("language", "zu"),
    ("occupation", "Nurse"),
    ("qualification", "diploma"),
];

pub(crate) const CONTACT: Answers = &[
    ("email", "sipho@example.org"),
    ("phone", "0821234567"),
    ("address", "12 Long Street, Newtown"),
    ("municipality", "City of Johannesburg"),
    ("ward", "58"),
];

pub(crate) const DECLARATION: Answers = &[
    ("signature_typed", "Sipho Themba Dlamini"),
    ("agree_rules", "yes"),
    ("agree_truth", "yes"),
    ("agree_privacy", "yes"),
    ("reason", "My neighbours are members, and they are right."),
];

pub(crate) const PAYMENT: Answers = &[("method", "eft"), ("reference", "DLAMINI-58")];

/// What the ID number says without being asked.
pub(crate) const DERIVED: Answers = &[
    ("birth_date", "1 January 1980"),
    ("gender", "Male"),
    ("citizenship", "South African citizen"),
];
