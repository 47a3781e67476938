//! What is wrong with the answers to a step. Pure: values in, messages out.
//!
//! A message says what to do and is shown beside its question and in the summary on top.

use crate::{
    calendar::Date,
    forms::{Complaint, is_email},
};

use super::{
    answers::Answers,
    fields::{Control, Field, Options, STEPS, Step, TICKED},
    identity::Identity,
};

/// Everything that is wrong with the answers to `step`.
pub(crate) fn complaints(step: &Step, answers: &Answers, today: Date) -> Vec<Complaint> {
    let complaint = |field: &'static Field| {
        let message = complaint(field, answers, today)?;
        Some(Complaint {
            field: field.name,
            message,
        })
    };
    step.fields.iter().filter_map(complaint).collect()
}

/// The first step whose answers do not do, before the one called `slug` or of all.
pub(crate) fn first_incomplete(
    answers: &Answers,
    before: Option<&Step>,
    today: Date,
) -> Option<&'static Step> {
    STEPS
        .iter()
        .take_while(|step| before.is_none_or(|before| step.slug != before.slug))
        .find(|step| !complaints(step, answers, today).is_empty())
}

fn complaint(field: &Field, answers: &Answers, today: Date) -> Option<String> {
    let answer = answers.trimmed(field.name);
    let missing = match field.name {
        "reference" if answers.trimmed("method") == "eft" => {
            Some("Enter the payment reference of your transfer")
        }
        "signature_typed" if answers.trimmed("signature_drawn").is_empty() => {
            Some("Sign by typing your name or by drawing")
        }
        _ => field.missing,
    };
    if answer.is_empty() {
        return missing.map(str::to_owned);
    }
    if answer.chars().count() > field.most {
        let most = field.most;
        return Some(format!(
            "{} can have at most {most} characters",
            field.label
        ));
    }
    if answer.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return Some(format!(
            "{} holds characters that cannot be printed",
            field.label
        ));
    }
    let refused = match field.control {
        Control::Choice(options) | Control::Select(options) => {
            (!offers(options, answer)).then_some("Choose one of the options")
        }
        Control::Email => {
            (!is_email(answer)).then_some("Enter an email address such as name@example.org")
        }
        Control::Number if field.name == "id_number" => {
            return Identity::parse(answer, today)
                .err()
                .map(|refusal| refusal.to_string());
        }
        Control::Number => {
            (!is_ward(answer)).then_some("A ward has one to three digits, its code has eight")
        }
        Control::Phone => {
            (!is_phone(answer)).then_some("Enter a phone number such as 082 123 4567")
        }
        Control::Strokes => (!is_drawing(answer)).then_some("Draw your signature again"),
        Control::Tick => (answer != TICKED).then_some("Tick the box or leave it"),
        Control::Lines => None,
        Control::Text => answer
            .contains(['\n', '\r'])
            .then_some("Write this on one line"),
    };
    refused.map(str::to_owned)
}

fn offers(options: Options, answer: &str) -> bool {
    options.iter().any(|(value, _)| *value == answer)
}

/// Ten digits from a zero, or nine after `+27`; blanks, hyphens and brackets are how people write.
fn is_phone(answer: &str) -> bool {
    let plain: String = answer.chars().filter(|c| !" -()".contains(*c)).collect();
    let local = plain.strip_prefix("+27").map_or_else(
        || plain.strip_prefix('0').map(str::to_owned),
        |rest| Some(rest.strip_prefix('0').unwrap_or(rest).to_owned()),
    );
    local.is_some_and(|local| {
        local.len() == 9 && !local.starts_with('0') && local.bytes().all(|b| b.is_ascii_digit())
    })
}

fn is_ward(answer: &str) -> bool {
    matches!(answer.len(), 1..=3 | 8) && answer.bytes().all(|byte| byte.is_ascii_digit())
}

/// Strokes apart by `*`, points by `_`, and `x-y` in each: characters that a form sends as they are.
pub(crate) fn is_drawing(answer: &str) -> bool {
    let coordinate = |text: &str| text.parse::<u16>().is_ok_and(|value| value <= 1000);
    let point = |text: &str| {
        text.split_once('-')
            .is_some_and(|(x, y)| coordinate(x) && coordinate(y))
    };
    answer.split('*').all(|stroke| stroke.split('_').all(point))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &'static str, answer: &str, expected: Option<&str>) {
        let step = STEPS
            .iter()
            .find(|step| step.fields.iter().any(|f| f.name == field))
            .unwrap();
        let found = complaints(step, &Answers::from([(field, answer)]), today());
        let message = found.iter().find(|complaint| complaint.field == field);
        let message = message.map(|complaint| complaint.message.as_str());
        let shown: String = answer.chars().take(60).collect();
        assert_eq!(message, expected, "{field}: {shown:?}");
    }

    #[test]
    fn each_question_says_what_is_wrong_with_its_answer() {
        let long = "x".repeat(101);
        let email = Some("Enter an email address such as name@example.org");
        let phone = Some("Enter a phone number such as 082 123 4567");
        let ward = Some("A ward has one to three digits, its code has eight");
        for (field, answer, expected) in [
            ("id_number", "", Some("Enter your ID number")),
            ("id_number", " 8001015009087 ", None),
            (
                "id_number",
                "8001015009086",
                Some("The last digit does not fit the others: please compare with your ID"),
            ),
            ("id_number", "80010150", Some("An ID number has 13 digits")),
            ("first_names", "   ", Some("Enter your first names")),
            ("first_names", "Nomvula <b>Zola</b>", None),
            (
                "first_names",
                &long,
                Some("First names can have at most 100 characters"),
            ),
            (
                "first_names",
                "a\u{0}b",
                Some("First names holds characters that cannot be printed"),
            ),
            ("surname", "a\nb", Some("Write this on one line")),
            ("language", "", None),
            ("language", "zu", None),
            ("language", "tlh", Some("Choose one of the options")),
            ("occupation", "", None),
            ("qualification", "none", None),
            ("email", "zola@example.org", None),
            ("email", "zola", email),
            ("email", "zola@example", email),
            ("email", "zola@@example.org", email),
            ("email", "zo la@example.org", email),
            ("email", "@example.org", email),
            ("email", "zola@example..org", email),
            ("phone", "082 123 4567", None),
            ("phone", "+27 (0)82-123-4567", None),
            ("phone", "0027821234567", phone),
            ("phone", "082123456", phone),
            ("phone", "082123456x", phone),
            ("address", "1 Long Street\r\nCape Town", None),
            ("ward", "", None),
            ("ward", "7", None),
            ("ward", "19100077", None),
            ("ward", "1234", ward),
            ("ward", "1a", ward),
            (
                "signature_typed",
                "",
                Some("Sign by typing your name or by drawing"),
            ),
            ("signature_typed", "N Zola", None),
            ("signature_drawn", "", None),
            ("signature_drawn", "1-2_3-4*5-6", None),
            (
                "signature_drawn",
                "1-2_<svg>",
                Some("Draw your signature again"),
            ),
            (
                "signature_drawn",
                "1-2_3-4000",
                Some("Draw your signature again"),
            ),
            (
                "agree_rules",
                "",
                Some("Accept the rules to become a member"),
            ),
            ("agree_rules", "no", Some("Tick the box or leave it")),
            ("agree_rules", "yes", None),
            ("reason", "", None),
            ("method", "", Some("Choose how you pay")),
            ("method", "iou", Some("Choose one of the options")),
            ("method", "cash", None),
            ("reference", "", None),
        ] {
            check(field, answer, expected);
        }
    }

    #[test]
    fn a_transfer_needs_a_reference_and_a_drawing_stands_for_a_name() {
        let payment = Step::named("payment").unwrap();
        let found = complaints(payment, &Answers::from([("method", "eft")]), today());
        assert_eq!(
            found[0].message,
            "Enter the payment reference of your transfer"
        );
        let declaration = Step::named("declaration").unwrap();
        let drawn = Answers::from([("signature_drawn", "1-2_3-4")]);
        let found = complaints(declaration, &drawn, today());
        assert!(
            found
                .iter()
                .all(|complaint| complaint.field.starts_with("agree_")),
            "{found:?}"
        );
    }

    #[test]
    fn the_first_incomplete_step_is_told_in_order() {
        let payment = Step::named("payment").unwrap();
        let answers = Answers::from([
            ("id_number", "8001015009087"),
            ("first_names", "Nomvula"),
            ("surname", "Zola"),
            ("method", "cash"),
        ]);
        let slug = |step: Option<&Step>| step.map(|step| step.slug);
        assert_eq!(
            slug(first_incomplete(&answers, Some(payment), today())),
            Some("contact")
        );
        assert_eq!(
            slug(first_incomplete(&answers, Step::named("contact"), today())),
            None
        );
        assert_eq!(
            slug(first_incomplete(&Answers::default(), None, today())),
            Some("personal")
        );
    }

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }
}
