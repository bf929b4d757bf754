//! Reasons in other words, and in fewer.

use super::*;
use crate::gsm::septets;
use crate::texts::SHORT_REASON_CHARS;
use std::fmt::Display;
use topup_rules::cards::CardUnfit;
use topup_rules::phrases::Phrased;
use topup_rules::settings::SettingsRefusal;
use topup_rules::wake::WakeFailure;
use topup_rules::written::Written;

/// As they are in English.
struct Plain;

impl Figures for Plain {
    fn credits(&self, credits: Credits) -> String {
        credits.to_string()
    }

    fn money(&self, money: Money) -> String {
        money.to_string()
    }
}

fn reasons() -> Reasons {
    Reasons::new().expect("our own texts")
}

fn words<P: Phrased + Display>() -> impl Iterator<Item = String> {
    P::specimens().into_iter().map(|it| it.to_string())
}

/// What banks say that there are words for, as they would write it.
fn of_banks() -> Vec<String> {
    let lines = source(Language::Afrikaans).lines();
    let keys = lines.filter_map(|line| line.strip_prefix(BANK)?.split_once(" = "));
    keys.map(|(key, _)| key.replace('-', " ")).collect()
}

#[test]
fn what_a_bank_says_has_words_in_every_language_or_is_quoted() {
    for (said, wanted) in [
        (
            "Insufficient Funds",
            "daar is nie genoeg geld in die bankrekening nie",
        ),
        ("DO NOT HONOR.", "die bank het die kaart geweier"),
        (
            "The payment was not completed (Declined)",
            "die betaling is nie voltooi nie (die bank het die kaart geweier)",
        ),
        (
            "Card no longer valid (No such code)",
            "die kaart is nie meer geldig nie (“No such code”)",
        ),
        ("Computer says no", "“Computer says no”"),
    ] {
        let told = reasons().reason(Language::Afrikaans, said, &Plain);
        assert_eq!(told.as_deref(), Some(wanted));
        assert_eq!(reasons().reason(Language::English, said, &Plain), None, "{said}");
    }
    assert_eq!(reasons().reason(Language::Afrikaans, " ", &Plain), None);
}

#[test]
fn n4_what_can_fail_by_itself_is_said_whole_in_the_shortest_sms() {
    let all: Vec<String> = words::<Written>()
        .chain(words::<WakeFailure>())
        .chain(words::<CardUnfit>())
        .chain(words::<SettingsRefusal>().filter(|words| words.starts_with("E4: current")))
        .chain(of_banks())
        .collect();
    assert!(all.len() > 40, "{all:?}");
    for (language, said) in Language::ALL
        .into_iter()
        .flat_map(|language| all.iter().map(move |said| (language, said)))
    {
        let short = reasons().short(language, said, &Plain);
        // Banks have few words of their own.
        if language == Language::English && short.is_none() && understood(said).is_none() {
            continue;
        }
        let short = short.as_ref().unwrap_or(said);
        let length = septets(short);
        assert!(
            length.is_some_and(|length| length <= SHORT_REASON_CHARS),
            "{language:?}: {said}: {short} takes {length:?}"
        );
    }
}

#[test]
fn a_short_reason_is_of_what_the_rules_say_before_what_a_bank_does() {
    let short = |said| reasons().short(Language::Afrikaans, said, &Plain);
    assert_eq!(
        short("The payment was not completed (Declined)").as_deref(),
        Some("nie voltooi nie")
    );
    assert_eq!(
        short("Insufficient Funds").as_deref(),
        Some("nie genoeg geld nie")
    );
    assert_eq!(short("Expired card").as_deref(), Some("die kaart het verval"));
    assert_eq!(short("Computer says no"), None);
}

#[test]
fn texts_in_few_words_are_of_reasons_that_there_are() {
    let known: BTreeSet<&str> = phrases(Language::Afrikaans);
    let english = source(Language::English).lines();
    for key in english.filter_map(|line| line.strip_prefix(PHRASE)?.strip_suffix(" =")) {
        assert!(known.contains(key), "no reason is {key}");
    }
    assert!(
        phrases(Language::English).is_empty(),
        "the rules say it themselves"
    );
}
