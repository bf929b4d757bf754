//! The same notices, as their readers of Afrikaans get them.

use super::*;
use std::fmt::Display;
use topup_rules::cards::CardUnfit;
use topup_rules::one_click::OneClickRefusal;
use topup_rules::phrases::Phrased;
use topup_rules::settings::SettingsRefusal;
use topup_rules::wake::WakeFailure;
use topup_rules::written::Written;

#[test]
fn n4_a_declined_card_is_told_in_afrikaans() {
    assert_eq!(
        sms_in("af", Template::TopupFailed, declined()),
        "Example SMS: SMS-aanvulling misluk: kaart 4081 nie gehef nie (nie genoeg geld nie). \
         Outo-aanvulling is af. Saldo: 88,5. Gaan jou kaart na."
    );
    let (subject, text, html) = mail_in("af-ZA", Template::TopupFailed, declined());
    assert_eq!(subject, "Jou outomatiese SMS-aanvulling het misluk");
    assert!(html.contains("lang=\"af\""), "{html}");
    assert_eq!(
        text,
        "\
Goeiedag

Jou SMS-saldo het tot by jou drempel gedaal, maar jou kaart wat op 4081 eindig, kon nie gehef word nie. Geen geld is \
geneem nie, en geen krediete is bygevoeg nie.

Sodat jou kaart nie oor en oor probeer word nie, is outomatiese aanvulling van jou SMS-krediete afgeskakel.

Rede: daar is nie genoeg geld in die bankrekening nie
Nie gehef nie: ZAR 352,47 vir 500 krediete
Kaart: eindig op 4081
Jou saldo: 88,5 krediete

Wat om nou te doen: jy kan aanhou stuur solank jou saldo hou, en enige tyd self krediete koop.

Om weer outomaties aangevul te word, vra jou bank oor die kaart of gebruik 'n ander een, en stel outomatiese \
aanvulling in jou rekening weer op.

Dit kan net aan wees met meer krediete as die drempel: koop eers krediete, of kies 'n laer drempel.

Maak jou rekening oop: https://example.org/account

-- \n\
Example SMS. Jy kry hierdie boodskap omdat krediete van jou rekening verander het of jou aandag nodig het. Dit is \
outomaties gestuur; niemand lees antwoorde daarop nie.
"
    );
}

#[test]
fn n4_the_short_messages_read_well_in_afrikaans() {
    for (template, values, wanted) in [
        (
            Template::TopupSucceeded,
            json!({"service": "sms", "credits": "500", "amount": "ZAR 352.47", "balance": "1540.5",
                   "method": "card", "card_last4": "4081"}),
            "Example SMS: 500 SMS-krediete bygevoeg, ZAR 352,47 gehef van jou kaart wat op 4081 eindig. \
             Saldo: 1540,5 krediete.",
        ),
        (
            Template::TopupSucceeded,
            json!({"service": "sms", "credits": "500", "balance": "540.5", "method": "transfer"}),
            "Example SMS: 500 SMS-krediete bygevoeg uit jou hoofrekening. Saldo: 540,5 krediete.",
        ),
        (
            Template::TopupFailed,
            json!({"service": "sms", "credits": "500", "balance": "80", "disabled": true, "method": "transfer",
                   "who": "main", "main_account": "1001", "account": "1002", "has": "20", "reason": "x"}),
            "Example SMS: Rekening 1002 het 500 SMS-krediete nodig, jy het net 20. Outo-aanvulling is af. \
             Koop krediete en skakel dit aan. https://example.org/account",
        ),
        (
            Template::LowCredit,
            json!({"service": "whatsapp", "balance": "-49.5", "threshold": "50"}),
            "Example SMS: Jou WhatsApp-saldo het tot -49,5 krediete gedaal (jou kennisgewingvlak is 50). \
             Vul asseblief betyds aan. https://example.org/account",
        ),
        (
            Template::CapReached,
            json!({"service": "sms", "period": "month", "limit": "ZAR 5000.00"}),
            "Example SMS: Jou limiet vir outo-aanvulling per kaart hierdie maand is bereik (ZAR 5000,00); niks is gehef \
             nie. Jy kan self SMS-krediete koop.",
        ),
        (
            Template::PurchaseSucceeded,
            json!({"service": "sms", "credits": "500", "amount": "ZAR 352.47", "balance": "540.5"}),
            "Example SMS: Dankie: ZAR 352,47 betaal, 500 SMS-krediete bygevoeg. Saldo: 540,5 krediete.",
        ),
    ] {
        assert_eq!(sms_in("af", template, values), wanted);
    }
}

#[test]
fn n4_figures_of_a_mail_are_grouped_and_marked_as_the_language_does_it() {
    let values = || {
        json!({"service": "sms", "credits": "1250.5", "amount": "ZAR 10352.47", "balance": "-12345.5",
               "reference": "topup-1-a"})
    };
    for (tag, facts) in [
        (
            "en",
            [
                "Given back: ZAR 10,352.47\n",
                "Credits taken off: 1,250.5\n",
                "New balance: \u{2212}12,345.5 credits\n",
            ],
        ),
        (
            "af",
            [
                "Teruggegee: ZAR 10\u{a0}352,47\n",
                "Krediete afgetrek: 1\u{a0}250,5\n",
                "Nuwe saldo: \u{2212}12\u{a0}345,5 krediete\n",
            ],
        ),
    ] {
        let (_, text, _) = mail_in(tag, Template::PaymentReversed, values());
        for fact in facts {
            assert!(text.contains(fact), "{fact:?} in {text}");
        }
    }
}

/// Whatever can be written down as a reason, and what banks say often.
fn reasons() -> Vec<String> {
    fn of<P: Phrased + Display>() -> Vec<String> {
        P::specimens().into_iter().map(|it| it.to_string()).collect()
    }
    let banks = ["Insufficient Funds", "Do not honor", "Expired Card", "Nee dankie"];
    let both = banks.map(|said| format!("The payment was not completed ({said})"));
    [
        of::<Written>(),
        of::<WakeFailure>(),
        of::<CardUnfit>(),
        of::<SettingsRefusal>(),
        of::<OneClickRefusal>(),
        banks.map(str::to_owned).to_vec(),
        both.to_vec(),
    ]
    .concat()
}

#[test]
fn n4_no_notice_in_afrikaans_has_words_of_the_english_one_whatever_its_reason() {
    for (template, values) in longest() {
        // The operators' own, in their language.
        if template == Template::OperatorAlert {
            continue;
        }
        let reasons = match values.get("reason") {
            Some(_) => reasons(),
            None => vec![String::new()],
        };
        for reason in reasons {
            let mut values = values.clone();
            values["reason"] = json!(reason);
            let (subject, text, _) = mail_in("af", template, values.clone());
            let sms = sms_in("af", template, values);
            assert!(fits_one_sms(&sms), "{sms}");
            let written = format!("{sms} {subject} {text}");
            for english in [
                "the",
                "your",
                "you",
                "and",
                "credits",
                "balance",
                "please",
                "not",
                "from",
                "with",
                "payment",
                "card",
                "threshold",
            ] {
                let has = written
                    .split(|c: char| !c.is_alphabetic())
                    .any(|word| word.eq_ignore_ascii_case(english));
                assert!(!has, "{english:?} in {written}");
            }
        }
    }
}

#[test]
fn n4_a_reasons_figures_are_written_as_the_others_of_its_notice() {
    let values = || {
        json!({"service": "sms", "threshold": "2000", "quantity": "1000", "amount": "ZAR 1.00",
               "reason": "E4: current credits (1234.5) must exceed the threshold (2000)", "given_back": "yes"})
    };
    let (_, text, _) = mail_in("af", Template::RegistrationNotEnabled, values());
    let fact =
        "Rede: die krediete wat daar nou is (1\u{a0}234,5), moet meer as die drempel (2\u{a0}000) wees\n";
    assert!(text.contains(fact), "{text}");
    let (_, text, _) = mail_in("en", Template::RegistrationNotEnabled, values());
    assert!(
        text.contains("Reason: E4: current credits (1234.5) must exceed the threshold (2000)\n"),
        "{text}"
    );
}

#[test]
fn an_alert_is_in_the_operators_language_whatever_the_accounts_is() {
    let values = json!({"subject": "A payment is disputed", "detail": "It is.", "reference": "topup-1-a"});
    assert_eq!(
        mail_in("af", Template::OperatorAlert, values.clone()),
        mail(Template::OperatorAlert, values)
    );
}
