//! The words, as people get them.

use super::*;
use crate::gsm::{fits_one_sms, septets};
use serde_json::json;

mod in_afrikaans;
mod of_the_rules;

const URL: &str = "https://example.org/account";

fn texts() -> Texts {
    Texts::new(Some("Example SMS"), Some(URL)).expect("our own templates")
}

fn params(value: Json) -> Map<String, Json> {
    let Json::Object(map) = value else {
        panic!("{value} is no object")
    };
    map
}

fn sms(template: Template, values: Json) -> String {
    sms_in("en", template, values)
}

fn sms_in(tag: &str, template: Template, values: Json) -> String {
    match texts().render(template, Channel::Sms, tag, &params(values)) {
        Ok(Rendered::Sms { text }) => text,
        other => panic!("{other:?}"),
    }
}

fn mail(template: Template, values: Json) -> (String, String, String) {
    mail_in("en", template, values)
}

fn mail_in(tag: &str, template: Template, values: Json) -> (String, String, String) {
    match texts().render(template, Channel::Email, tag, &params(values)) {
        Ok(Rendered::Email { subject, text, html }) => (subject, text, html),
        other => panic!("{other:?}"),
    }
}

fn declined() -> Json {
    json!({"service": "sms", "credits": "500", "amount": "ZAR 352.47", "reason": "Insufficient Funds",
           "balance": "88.5", "disabled": true, "method": "card", "card_last4": "4081"})
}

/// Every notice in every shape, with the longest values that are likely.
fn longest() -> Vec<(Template, Json)> {
    let transfer = |who: &str| {
        json!({"service": "whatsapp", "credits": "1000000", "reason": "the main account has too few credits",
               "balance": "-123456.5", "disabled": true, "method": "transfer", "who": who,
               "main_account": "100000000000001", "account": "100000000000002", "has": "999999.999"})
    };
    let failed = |disabled: bool, decline: Option<&str>| {
        json!({"service": "whatsapp", "credits": "1000000", "amount": "ZAR 9999999.99", "balance": "-123456.5",
               "reason": "Your bank has declined this transaction, please contact them or use another card",
               "disabled": disabled, "method": "card", "card_last4": "4081", "decline": decline})
    };
    vec![
        (
            Template::TopupSucceeded,
            json!({"service": "whatsapp", "credits": "1000000", "amount": "ZAR 9999999.99",
                   "balance": "1123456.999", "method": "card", "card_last4": "4081"}),
        ),
        (
            Template::TopupSucceeded,
            json!({"service": "whatsapp", "credits": "1000000", "balance": "1123456.999", "method": "transfer"}),
        ),
        (Template::TopupFailed, failed(true, None)),
        (Template::TopupFailed, failed(true, Some("never-again"))),
        (Template::TopupFailed, failed(true, Some("needs-customer"))),
        (Template::TopupFailed, failed(true, Some("another-day"))),
        (Template::TopupFailed, failed(false, None)),
        (Template::TopupFailed, transfer("sub")),
        (Template::TopupFailed, transfer("main")),
        (
            Template::TopupFailed,
            json!({"service": "whatsapp", "credits": "1000000", "balance": "-123456.5", "disabled": true,
                   "reason": "there is no main account to move credits from", "method": "transfer"}),
        ),
        (
            Template::LowCredit,
            json!({"service": "whatsapp", "balance": "-123456.5", "threshold": "1000000"}),
        ),
        (
            Template::CapReached,
            json!({"service": "whatsapp", "period": "month", "limit": "ZAR 9999999.99"}),
        ),
        (
            Template::CapReached,
            json!({"service": "whatsapp", "period": "day", "limit": "1000"}),
        ),
        (
            Template::PurchaseSucceeded,
            json!({"service": "whatsapp", "credits": "1000000", "amount": "ZAR 9999999.99", "tax": "ZAR 1304347.82",
                   "balance": "1123456.999", "card_last4": "4081", "reference": "purchase-1-a"}),
        ),
        (
            Template::PurchaseFailed,
            json!({"service": "whatsapp", "credits": "1000000", "amount": "ZAR 9999999.99",
                   "reason": "Your bank has declined this transaction, please contact them", "card_last4": "4081"}),
        ),
        (
            Template::RegistrationEnabled,
            json!({"service": "whatsapp", "threshold": "999999.999", "quantity": "1000000", "amount": "ZAR 1.00",
                   "card_last4": "4081", "given_back": "yes"}),
        ),
        (
            Template::RegistrationNotEnabled,
            json!({"service": "whatsapp", "threshold": "999999.999", "quantity": "1000000", "amount": "ZAR 1.00",
                   "reason": "E4: current credits (99.5) must exceed the threshold (100)", "given_back": "yes"}),
        ),
        (
            Template::RegistrationFailed,
            json!({"service": "whatsapp", "threshold": "999999.999", "quantity": "1000000", "amount": "ZAR 1.00",
                   "reason": "Your bank has declined this transaction, please contact them", "card_last4": "4081"}),
        ),
        (
            Template::PaymentReversed,
            json!({"service": "whatsapp", "credits": "1000000", "amount": "ZAR 9999999.99", "balance": "-1123456.999"}),
        ),
        (
            Template::CardExpiring,
            json!({"card_last4": "4081", "expires": "12/2030"}),
        ),
        (
            Template::SignInLink,
            json!({"email": "ops@example.com", "minutes": "30", "own_url": "https://portal.example.com/password?link=x"}),
        ),
        (
            Template::OperatorAlert,
            json!({"subject": "A payment needs a person: topup-100000000000001",
                   "detail": "It is unknown since 24 h.", "reference": "topup-1-a"}),
        ),
    ]
}

fn in_every_language<T: Clone>(all: Vec<T>) -> impl Iterator<Item = (Language, T)> {
    Language::ALL
        .into_iter()
        .flat_map(move |language| all.clone().into_iter().map(move |one| (language, one)))
}

#[test]
fn n4_every_sms_fits_one_part_of_160_gsm_characters() {
    let long_names = Texts::new(
        Some("Example Messaging Platform"),
        Some("https://portal.example.org/account/credits"),
    )
    .expect("our own templates");
    for texts in [
        texts(),
        long_names,
        Texts::new(None, None).expect("our own templates"),
    ] {
        for (language, (template, values)) in in_every_language(longest()) {
            let text = match texts.render(template, Channel::Sms, language.tag(), &params(values)) {
                Ok(Rendered::Sms { text }) => text,
                other => panic!("{other:?}"),
            };
            let length = septets(&text);
            assert!(length.is_some(), "not in the GSM alphabet: {text}");
            assert!(fits_one_sms(&text), "{length:?}: {text}");
        }
    }
}

#[test]
fn a_declined_card_is_told_with_what_happened_and_what_to_do() {
    assert_eq!(
        sms(Template::TopupFailed, declined()),
        "Example SMS: SMS top-up failed: card ending 4081 not charged (Insufficient Funds). \
         Auto top-up is off. Balance: 88.5. Please check your card."
    );
    let (subject, text, _) = mail(Template::TopupFailed, declined());
    assert_eq!(subject, "Your automatic SMS top-up failed");
    assert_eq!(
        text,
        "\
Hello,

Your SMS balance has come down to your top-up threshold, but your card ending 4081 could not be charged. \
No money was taken, and no credits were added.

So that your card is not tried over and over, automatic top-up of your SMS credits has been switched off.

Reason: Insufficient Funds
Not charged: ZAR 352.47 for 500 credits
Card: ending 4081
Your balance: 88.5 credits

What to do now: you can keep sending as long as your balance lasts, and buy credits by hand at any time.

To have top-ups made automatically again, ask your bank about the card or use another one, and set automatic \
top-up up again in your account.

It can only be on with more credits than its threshold: buy credits first, or choose a lower threshold.

Open your account: https://example.org/account

-- \n\
Example SMS. You get this message because credits of your account have changed or need your attention. It was sent \
automatically; nobody reads replies to it.
"
    );
}

#[test]
fn c7_the_holder_of_a_refused_card_is_told_what_helps() {
    for (decline, by_sms, by_mail) in [
        (
            "never-again",
            "Please add a new card.",
            "This card can't be charged any more. Please register another card in your account, which sets automatic \
             top-up up again.",
        ),
        (
            "needs-customer",
            "Please ask your bank.",
            "Your bank wants to hear from you before it lets the card pay. Ask it to allow such payments, or buy \
             credits by hand once and confirm the payment when your bank asks you to. Then set automatic top-up up \
             again in your account, or use another card.",
        ),
        (
            "another-day",
            "Another day may work.",
            "The same card can be tried again another day: see that there is enough money behind it and that its \
             limits allow the payment. Then set automatic top-up up again in your account, or use another card.",
        ),
    ] {
        let mut values = declined();
        values["decline"] = json!(decline);
        assert_eq!(
            sms(Template::TopupFailed, values.clone()),
            format!(
                "Example SMS: SMS top-up failed: card ending 4081 not charged (Insufficient Funds). \
                 Auto top-up is off. Balance: 88.5. {by_sms}"
            )
        );
        let (_, text, _) = mail(Template::TopupFailed, values);
        assert!(text.contains(by_mail), "{text}");
        // E4, which would refuse to enable it.
        let first = "It can only be on with more credits than its threshold: buy credits first";
        assert!(text.contains(first), "{text}");
    }
}

#[test]
fn v1_a_reversal_and_an_expiring_card_read_well() {
    let reversed = json!({"service": "sms", "credits": "250", "amount": "ZAR 100.00", "balance": "-12.5",
                          "reference": "topup-1-a"});
    assert_eq!(
        sms(Template::PaymentReversed, reversed),
        "Example SMS: Your payment of ZAR 100.00 was given back, so 250 SMS credits were taken off. Balance: -12.5. \
         Card auto top-up is off. https://example.org/account"
    );
    assert_eq!(
        sms(Template::CardExpiring, json!({"expires": "12/2026"})),
        "Example SMS: Your card expires 12/2026. Please register your new card, so that automatic top-ups go on. \
         https://example.org/account"
    );
}

#[test]
fn the_short_messages_read_well() {
    for (template, values, wanted) in [
        (
            Template::TopupSucceeded,
            json!({"service": "sms", "credits": "500", "amount": "ZAR 352.47", "balance": "540.5",
                   "method": "card", "card_last4": "4081"}),
            "Example SMS: 500 SMS credits added, ZAR 352.47 charged to your card ending 4081. \
             Balance: 540.5 credits.",
        ),
        (
            Template::TopupSucceeded,
            json!({"service": "sms", "credits": "500", "balance": "540.5", "method": "transfer"}),
            "Example SMS: 500 SMS credits added from your main account. Balance: 540.5 credits.",
        ),
        (
            Template::TopupFailed,
            json!({"service": "sms", "credits": "500", "balance": "80", "disabled": true, "method": "transfer",
                   "who": "sub", "main_account": "1001", "account": "1002", "has": "20", "reason": "x"}),
            "Example SMS: SMS top-up failed: your main account has too few credits. Auto top-up is off. \
             Balance: 80. Please ask its owner to buy more.",
        ),
        (
            Template::TopupFailed,
            json!({"service": "sms", "credits": "500", "balance": "80", "disabled": true, "method": "transfer",
                   "who": "main", "main_account": "1001", "account": "1002", "has": "20", "reason": "x"}),
            "Example SMS: Account 1002 needs 500 SMS credits, you have only 20. \
             Its auto top-up is off. Please buy credits and switch it on. https://example.org/account",
        ),
        (
            Template::LowCredit,
            json!({"service": "whatsapp", "balance": "49", "threshold": "50"}),
            "Example SMS: Your WhatsApp balance is down to 49 credits (your notice level is 50). \
             Please top up in time. https://example.org/account",
        ),
        (
            Template::CapReached,
            json!({"service": "sms", "period": "day", "limit": "5"}),
            "Example SMS: Your limit for automatic card top-ups today is reached (5), so none was made. \
             You can still buy SMS credits by hand. https://example.org/account",
        ),
    ] {
        assert_eq!(sms(template, values), wanted);
    }
}

#[test]
fn every_mail_is_whole_and_says_the_same_in_both_parts() {
    for (language, (template, values)) in in_every_language(longest()) {
        let (subject, text, html) = mail_in(language.tag(), template, values);
        assert!(!subject.is_empty() && subject.chars().count() <= 80, "{subject}");
        let written_in = notices::language(template, language.tag());
        for wanted in [
            "<!doctype html>",
            &format!("lang=\"{}\"", written_in.tag()),
            "</html>",
            "Example SMS",
            &subject.replace('/', "&#x2f;").replace('\'', "&#x27;"),
        ] {
            assert!(html.contains(wanted), "{wanted} in {html}");
        }
        for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with("-- ")) {
            // Facts and the link are laid out differently, paragraphs are not.
            let shown = line
                .split_once(": ")
                .map_or(line, |(label, _)| label)
                .replace('&', "&amp;")
                .replace('\'', "&#x27;")
                .replace('/', "&#x2f;");
            assert!(
                html.contains(&shown),
                "{shown:?} of the text is not in the HTML part"
            );
        }
        assert!(!text.contains("\n\n\n"), "{text}");
        assert!(
            !text.contains("  ") && !text.contains(" ,") && !text.contains(" ."),
            "{text}"
        );
    }
}

#[test]
fn values_are_escaped_in_html_and_cannot_add_lines() {
    let mut values = declined();
    values["reason"] = json!("<script>alert('x')</script>\n\nBalance: 0 & more");
    let (_, text, html) = mail(Template::TopupFailed, values);
    assert!(!html.contains("<script>"), "{html}");
    assert!(html.contains("&lt;script&gt;"), "{html}");
    assert!(
        text.contains("Reason: <script>alert('x')</script> Balance: 0 & more\n"),
        "{text}"
    );
}

#[test]
fn a_missing_value_is_an_error_that_names_the_text() {
    for channel in [Channel::Sms, Channel::Email] {
        let values = params(json!({"service": "sms", "credits": "500", "method": "card"}));
        let error = texts()
            .render(Template::TopupSucceeded, channel, "en", &values)
            .expect_err("no balance")
            .to_string();
        assert!(error.contains("en/topup-succeeded"), "{error}");
    }
}

#[test]
fn a_value_that_no_sentence_can_hold_is_an_error_that_names_it() {
    let values = params(json!({"service": "sms", "balance": [1], "threshold": "5"}));
    let error = texts()
        .render(Template::LowCredit, Channel::Sms, "en", &values)
        .expect_err("a list");
    assert!(
        error.to_string().contains("`balance` is a list or an object"),
        "{error}"
    );
}

#[test]
fn a_language_that_is_not_there_comes_in_english() {
    let values = params(declined());
    let english = texts()
        .render(Template::TopupFailed, Channel::Sms, "en", &values)
        .expect("a text");
    for tag in ["en-ZA", "EN", "sw", "", "x_y"] {
        let other = texts().render(Template::TopupFailed, Channel::Sms, tag, &values);
        assert_eq!(other.expect("a text"), english, "{tag}");
    }
}

#[test]
fn a_parameter_cannot_pose_as_the_platform_or_its_link() {
    let bare = Texts::new(None, None).expect("our own templates");
    let mut values = params(json!({"service": "sms", "balance": "49", "threshold": "50"}));
    values.insert("platform".to_owned(), json!("Your Bank"));
    values.insert("account_url".to_owned(), json!("https://evil.example"));
    values.insert("link".to_owned(), json!("https://evil.example"));
    for channel in [Channel::Sms, Channel::Email] {
        let written = format!(
            "{:?}",
            bare.render(Template::LowCredit, channel, "en", &values)
                .expect("a text")
        );
        assert!(
            !written.contains("evil") && !written.contains("Your Bank"),
            "{written}"
        );
    }
}
