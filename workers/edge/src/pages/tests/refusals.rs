//! What the rules refuse, and why something was not done, in every language.

use crate::agreeing::OtherTerms;
use crate::pages::catalogue::Catalogue;
use crate::pages::language::Language;
use crate::pages::voice::Voice;
use crate::pages::words::{refusal, told};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::sync::Arc;
use topup_gateways::reasons::phrases;
use topup_rules::account::Method;
use topup_rules::cards::CardUnfit;
use topup_rules::credits::Credits;
use topup_rules::one_click::OneClickRefusal;
use topup_rules::phrases::{Figure, Phrased};
use topup_rules::prices::NoPrice;
use topup_rules::settings::SettingsRefusal;
use topup_rules::wake::{SkipReason, WakeFailure};
use topup_rules::written::Written;
use topup_store::{AdjustRefusal, ContactProblem, PurchaseRefusal};

fn voice(language: Language) -> Voice {
    let catalogue = Arc::new(Catalogue::new().expect("texts"));
    Voice::new(catalogue, language, TimeZone::UTC)
}

/// How a figure stands on a page; none of those that only choose the words.
fn written(voice: &Voice, figure: &Figure) -> Option<String> {
    match figure {
        Figure::Credits(credits) => Some(voice.credits(*credits)),
        Figure::Money(money) => Some(voice.money(*money)),
        Figure::Service(service) => Some(Voice::service(*service).to_owned()),
        Figure::Wallet(wallet) => Some(wallet.account.to_string()),
        Figure::Method(Method::Card | Method::Transfer) => None,
        Figure::Count(_) | Figure::Currency(_) | Figure::Account(_) | Figure::Name(_) => {
            Some(figure.to_string())
        }
    }
}

/// Every kind of it: in English the rules' own words, in any other language its own, with all figures.
fn every<P: Phrased>(seen: &mut BTreeSet<&'static str>) {
    for specimen in P::specimens() {
        let (phrase, words) = (specimen.phrase(), specimen.to_string());
        let bare = words.split_once(": ").map_or(words.as_str(), |(_, bare)| bare);
        for language in Language::ALL {
            let voice = voice(language);
            let said = refusal(&voice, &specimen);
            if language == Language::English {
                let tail = bare.trim_end_matches('.').chars().skip(1).collect::<String>();
                assert!(said.contains(&tail), "{said} is not {words}");
                continue;
            }
            let own = voice
                .phrase(&phrase)
                .unwrap_or_else(|| panic!("{language:?} has no {}", phrase.key));
            assert!(
                !own.contains(bare),
                "{language:?} has no words of its own for {bare}"
            );
            for (name, figure) in &phrase.figures {
                if let Some(written) = written(&voice, figure) {
                    assert!(own.contains(&written), "{own} lacks {name}: {written}");
                }
            }
        }
        seen.insert(phrase.key);
    }
}

#[test]
fn every_refusal_that_a_page_shows_has_words_in_every_language_with_all_its_figures() {
    let mut seen = BTreeSet::new();
    every::<SettingsRefusal>(&mut seen);
    every::<NoPrice>(&mut seen);
    every::<OneClickRefusal>(&mut seen);
    every::<PurchaseRefusal>(&mut seen);
    every::<AdjustRefusal>(&mut seen);
    every::<ContactProblem>(&mut seen);
    every::<OtherTerms>(&mut seen);
    every::<CardUnfit>(&mut seen);
    every::<WakeFailure>(&mut seen);
    every::<SkipReason>(&mut seen);
    every::<Written>(&mut seen);
    for language in Language::ALL {
        let there = phrases(language);
        match language {
            Language::English => assert!(there.is_empty(), "the rules say it themselves: {there:?}"),
            Language::Afrikaans => assert_eq!(there, seen, "{language:?}"),
        }
    }
}

#[test]
fn a_refusal_is_a_sentence_with_its_rule_behind_it() {
    let (en, af) = (voice(Language::English), voice(Language::Afrikaans));
    let too_few = SettingsRefusal::QuantityBelowThreshold;
    assert_eq!(
        refusal(&en, &too_few),
        "Quantity must be at least the threshold (E4)."
    );
    assert_eq!(
        refusal(&af, &too_few),
        "Die hoeveelheid moet minstens so groot soos die drempel wees (E4)."
    );
    let credits = |milli| Credits::from_milli(milli);
    let above = SettingsRefusal::CreditsNotAboveThreshold {
        credits: credits(1_234_500),
        threshold: credits(2_000_000),
    };
    assert_eq!(
        refusal(&af, &above),
        "Die krediete wat daar nou is (1\u{a0}234,5), moet meer as die drempel (2\u{a0}000) wees (E4)."
    );
    // What was written down reads the same.
    assert_eq!(told(&af, &above.to_string()), refusal(&af, &above));
    assert_eq!(told(&en, &above.to_string()), refusal(&en, &above));
    assert_eq!(told(&en, "there is no such card"), "There is no such card.");
    assert_eq!(told(&en, "Note: so be it"), "Note: so be it.");
    assert_eq!(
        refusal(&af, &ContactProblem::Email),
        "Dit is nie 'n e-posadres nie."
    );
}

#[test]
fn what_a_bank_says_is_translated_or_quoted() {
    let (en, af) = (voice(Language::English), voice(Language::Afrikaans));
    for (words, wanted) in [
        ("Declined", "Die bank het die kaart geweier."),
        (
            "Insufficient Funds.",
            "Daar is nie genoeg geld in die bankrekening nie.",
        ),
        (
            "The payment was not completed (Declined)",
            "Die betaling is nie voltooi nie (die bank het die kaart geweier).",
        ),
        (
            "Card no longer valid (No such code)",
            "Die kaart is nie meer geldig nie (“No such code”).",
        ),
        ("Computer says no", "“Computer says no”."),
    ] {
        assert_eq!(told(&af, words), wanted);
        assert_eq!(
            told(&en, words).trim_end_matches('.'),
            words.trim_end_matches('.')
        );
    }
}
