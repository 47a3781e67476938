//! The South African identity number: what its thirteen digits say about a person.
//!
//! Called by the checks of the personal step and by the pages that show what was derived. The
//! Identification Act 68 of 1997, section 7(2), composes the number of birth date, gender, citizenship
//! and "serial, index and control" figures. As the Department of Home Affairs lays them out:
//! `YYMMDD SSSS C A Z`.
//!
//! 1. `YYMMDD` is the birth date. The century is not written: the number belongs to the latest
//!    century in which that day is not in the future, so a person over a hundred reads as a child.
//! 2. `SSSS` is 0000–4999 for women and 5000–9999 for men.
//! 3. `C` is 0 for citizens and 1 for permanent residents. The Act knows no third kind, but numbers
//!    given to refugees carry a 2 in practice, and nobody is turned away for holding one.
//! 4. `A` once held a race and says nothing today; any digit is taken.
//! 5. `Z` makes the Luhn sum (ISO/IEC 7812-1, annex B) a multiple of ten.

use std::fmt;

use crate::calendar::Date;

/// A number whose every digit was checked, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) birth_date: Date,
    pub(crate) citizenship: Citizenship,
    pub(crate) gender: Gender,
}

/// The standing of a person in the country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Citizenship {
    Citizen,
    PermanentResident,
    Refugee,
}

/// The gender that the number records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gender {
    Female,
    Male,
}

/// Why a text is no identity number, in words for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    CheckDigit,
    Citizenship,
    Date,
    Length,
}

impl Identity {
    /// Reads the number as of `today`. Spaces between the digits are how the card prints them.
    pub(crate) fn parse(text: &str, today: Date) -> Result<Self, Refusal> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_digit(10).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or(Refusal::Length)?;
        let digits: [u8; 13] = digits.try_into().map_err(|_| Refusal::Length)?;
        let [y1, y2, m1, m2, d1, d2, sequence, .., citizenship, _, _] = digits;
        let date_in = |century: u16| {
            Date::new(
                century + u16::from(y1 * 10 + y2),
                m1 * 10 + m2,
                d1 * 10 + d2,
            )
        };
        let birth_date = date_in(2000)
            .filter(|date| *date <= today)
            .or_else(|| date_in(1900))
            .ok_or(Refusal::Date)?;
        let gender = if sequence < 5 {
            Gender::Female
        } else {
            Gender::Male
        };
        let citizenship = match citizenship {
            0 => Citizenship::Citizen,
            1 => Citizenship::PermanentResident,
            2 => Citizenship::Refugee,
            _ => return Err(Refusal::Citizenship),
        };
        if !luhn_holds(&digits) {
            return Err(Refusal::CheckDigit);
        }
        Ok(Self {
            birth_date,
            citizenship,
            gender,
        })
    }
}

impl fmt::Display for Citizenship {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Citizen => "South African citizen",
            Self::PermanentResident => "Permanent resident",
            Self::Refugee => "Refugee",
        })
    }
}

impl fmt::Display for Gender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Female => "Female",
            Self::Male => "Male",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CheckDigit => {
                "The last digit does not fit the others: please compare with your ID"
            }
            Self::Citizenship => "The eleventh digit of an ID number is 0, 1 or 2",
            Self::Date => "The first six digits are not a date (year, month, day)",
            Self::Length => "An ID number has 13 digits",
        })
    }
}

/// Every second digit from the right counts double, its own digits added.
fn luhn_holds(digits: &[u8; 13]) -> bool {
    let doubled = |digit: u8| digit * 2 / 10 + digit * 2 % 10;
    let sum: u8 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            if place % 2 == 1 {
                doubled(*digit)
            } else {
                *digit
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number below is made up; the check digits were computed apart from this code.
    #[test]
    fn a_number_tells_birth_date_gender_and_citizenship() {
        use {Citizenship::*, Gender::*};
        for (number, date, gender, citizenship) in [
            ("8001015009087", "1 January 1980", Male, Citizen),
            ("9202204720083", "20 February 1992", Female, Citizen),
            ("880123 5111 08 8", "23 January 1988", Male, Citizen),
            (
                "0002294800186",
                "29 February 2000",
                Female,
                PermanentResident,
            ),
            ("1206300000280", "30 June 2012", Female, Refugee),
            (
                "9912314999183",
                "31 December 1999",
                Female,
                PermanentResident,
            ),
            ("2402296000082", "29 February 2024", Male, Citizen),
            ("5611119999091", "11 November 1956", Male, Citizen),
        ] {
            let identity = Identity::parse(number, today()).unwrap();
            assert_eq!(identity.birth_date.to_string(), date, "{number}");
            assert_eq!(
                (identity.gender, identity.citizenship),
                (gender, citizenship),
                "{number}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_refused_with_the_reason() {
        for (text, refusal) in [
            ("", Refusal::Length),
            ("800101500908", Refusal::Length),
            ("80010150090870", Refusal::Length),
            ("800101500908x", Refusal::Length),
            ("８００１０１５００９０８７", Refusal::Length),
            ("8001015009086", Refusal::CheckDigit),
            ("8001105009087", Refusal::CheckDigit),
            ("8013015009087", Refusal::Date),
            ("8102295009084", Refusal::Date),
            ("8000015009088", Refusal::Date),
            ("8001015009386", Refusal::Citizenship),
        ] {
            assert_eq!(Identity::parse(text, today()), Err(refusal), "{text}");
        }
    }

    #[test]
    fn the_century_is_the_latest_that_is_not_in_the_future() {
        let born =
            |today| Identity::parse("2402296000082", today).map(|identity| identity.birth_date);
        let leap_day = Date::new(2024, 2, 29).unwrap();
        assert_eq!(born(leap_day), Ok(leap_day));
        assert_eq!(
            born(Date::new(2024, 2, 28).unwrap()),
            Ok(Date::new(1924, 2, 29).unwrap())
        );
    }

    #[test]
    fn one_wrong_digit_never_passes() {
        let right = "8001015009087";
        for place in 0..13 {
            for digit in '0'..='9' {
                let mut wrong: Vec<char> = right.chars().collect();
                wrong[place] = digit;
                let wrong: String = wrong.into_iter().collect();
                assert_eq!(
                    Identity::parse(&wrong, today()).is_ok(),
                    wrong == right,
                    "{wrong}"
                );
            }
        }
    }

    fn today() -> Date {
        Date::new(2026, 11, 21).unwrap()
    }
}
