//! Every notice that the rules draft can be written, by both channels.

use super::*;
use jiff::{Timestamp, tz::TimeZone};
use topup_rules::account::Method;
use topup_rules::caps::cap_periods;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Reference, Service, WalletKey};
use topup_rules::message::DeclineClass;
use topup_rules::money::Money;
use topup_rules::notices::{self, Alarmed, Bought, ExpiringCard, NoticeDraft, TakenBack};
use topup_rules::registration::RegistrationOutcome;
use topup_rules::topup::{Topup, TopupState};
use topup_rules::wake::{SkipReason, WakeFailure};
use uuid::Uuid;

fn topup(method: Method, price: Option<Money>) -> Topup {
    Topup {
        id: uuid(),
        wallet: WalletKey {
            account: account(1002),
            service: Service::Whatsapp,
        },
        method,
        quantity: Credits::from_milli(500_500),
        price,
        state: TopupState::Charging,
        requested_at: Timestamp::UNIX_EPOCH,
        due_at: None,
    }
}

fn account(id: i64) -> AccountId {
    AccountId::new(id).expect("positive")
}

fn rand(amount_minor: i64) -> Money {
    Money::new(amount_minor, "ZAR".parse().expect("a currency"))
}

/// Every class of refusal, and none.
fn declines() -> impl Iterator<Item = Option<DeclineClass>> {
    DeclineClass::ALL.iter().copied().map(Some).chain([None])
}

fn uuid() -> Uuid {
    "0193b6a0-0000-7000-8000-000000000001".parse().expect("a UUID")
}

fn of_purchases_and_payments() -> Vec<NoticeDraft> {
    let wallet = WalletKey {
        account: account(100_000_000_000_001),
        service: Service::Whatsapp,
    };
    let balance = Credits::from_milli(-1_123_456_999);
    let reference = Reference::of_purchase(wallet.account, uuid());
    let alarmed = |topup| Alarmed {
        account: wallet.account,
        reference: &reference,
        topup,
    };
    let taken = TakenBack {
        wallet,
        reference: &reference,
        reversal_id: "refund-3018284",
        amount: rand(999_999_999),
        credits: Credits::from_milli(1_000_000_000),
    };
    let mut drafts = vec![
        notices::payment_reversed(&taken, balance),
        notices::payment_parked(
            &alarmed(Some(uuid())),
            "The gateway was asked for 24 h and knows nothing.",
        ),
        notices::dispute_opened(&alarmed(None), "dispute-358949", rand(999_999_999), balance),
    ];
    for (last4, name, tax_minor) in [(Some("4081"), Some("Example Ltd"), 130_434), (None, None, 0)] {
        let bought = Bought {
            id: uuid(),
            wallet,
            quantity: Credits::from_milli(1_000_000_000),
            amount: rand(999_999_999),
            tax_minor,
            reference: &reference,
            card_last4: last4,
            billing_name: name,
        };
        drafts.push(notices::purchase_succeeded(&bought, balance));
        drafts.extend(
            declines().map(|decline| notices::purchase_failed(&bought, "Insufficient Funds", decline)),
        );
        for is_given_back in [true, false] {
            let registering = notices::Registering {
                id: uuid(),
                wallet,
                threshold: Credits::from_milli(100_500),
                quantity: Credits::from_milli(500_000),
                charge: rand(100),
                is_given_back,
                card_last4: last4,
            };
            for outcome in RegistrationOutcome::ALL {
                drafts.extend(declines().map(|decline| {
                    notices::registration_ended(&registering, *outcome, Some("E4: too few credits"), decline)
                }));
            }
        }
        drafts.push(notices::card_expiring(&ExpiringCard {
            account: wallet.account,
            id: uuid(),
            last4,
            expires_on: jiff::civil::date(2026, 12, 31),
        }));
    }
    drafts
}

fn drafts() -> Vec<NoticeDraft> {
    let balance = Credits::from_milli(-88_500);
    let by_card = topup(Method::Card, Some(rand(35_247)));
    let unpriced = topup(Method::Card, None);
    let transfer = topup(Method::Transfer, None);
    let main = WalletKey {
        account: account(1001),
        service: Service::Whatsapp,
    };
    let mut drafts = vec![notices::low_credit(by_card.wallet, balance, Credits::ZERO, "e")];
    for last4 in [Some("4081"), None] {
        for topup in [&by_card, &unpriced, &transfer] {
            drafts.push(notices::topup_succeeded(topup, balance, last4));
            for disabled in [true, false] {
                for decline in declines() {
                    drafts.push(notices::topup_failed(
                        topup, balance, "Declined", decline, disabled, last4,
                    ));
                }
            }
        }
    }
    for disabled in [true, false] {
        for failure in [
            WakeFailure::NoCard,
            WakeFailure::NoMain,
            WakeFailure::MainShort {
                main,
                has: Credits::ZERO,
            },
        ] {
            drafts.extend(notices::failed_on_waking(&transfer, balance, &failure, disabled));
            drafts.extend(notices::failed_on_waking(&by_card, balance, &failure, disabled));
        }
    }
    let periods = cap_periods(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
    for skip in [
        SkipReason::DayCap { limit: 5 },
        SkipReason::MonthCap {
            limit: rand(5_000_000),
        },
    ] {
        drafts.extend(notices::cap_reached(&by_card, &skip, &periods));
    }
    drafts.extend(of_purchases_and_payments());
    drafts.push(link());
    drafts
}

/// As the worker fills it in when it makes the link.
fn link() -> NoticeDraft {
    let id = Uuid::nil();
    let mut draft = notices::sign_in_link(account(1001), id, id, "https://credits.example.com");
    for (name, value) in [
        ("own_url", "https://credits.example.com/password?link=x"),
        ("email", "someone@example.com"),
        ("minutes", "30"),
    ] {
        draft.params.insert(name.to_owned(), value.into());
    }
    draft
}

#[test]
fn every_template_has_a_notice_of_the_rules() {
    for template in Template::ALL {
        assert!(
            drafts().iter().any(|draft| draft.template == *template),
            "{template}"
        );
    }
}

#[test]
fn n4_every_notice_of_the_rules_can_be_written_and_fits() {
    for (language, draft) in in_every_language(drafts()) {
        let written = |channel| texts().render(draft.template, channel, language.tag(), &draft.params);
        let sms = written(Channel::Sms);
        let Ok(Rendered::Sms { text }) = &sms else {
            panic!("{draft:?}: {sms:?}")
        };
        assert!(septets(text).is_some() && fits_one_sms(text), "{text}");
        assert!(text.starts_with("Example SMS: "), "{text}");

        let mail = written(Channel::Email);
        let Ok(Rendered::Email { subject, text, html }) = &mail else {
            panic!("{draft:?}: {mail:?}")
        };
        assert!(!subject.is_empty() && html.ends_with("</html>"), "{html}");
        assert!(
            !text.contains("none") && !text.contains("undefined"),
            "a hole: {text}"
        );
    }
}
