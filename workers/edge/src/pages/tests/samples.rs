//! Every template in every language, with what it shows at its fullest and at its emptiest.

use super::bought::{bought, buying};
use super::leaks::leaks;
use super::markup::{judge, read};
use crate::pages::assets::Assets;
use crate::pages::auto_topup::{AutoTopupPage, Can, Newest, OffView, WalletCard};
use crate::pages::auto_topup_card::{CardPage, Price};
use crate::pages::catalogue::Catalogue;
use crate::pages::chart::{Day, chart};
use crate::pages::form::{Fields, Form};
use crate::pages::history::{Entries, Entry, History, Link, Topup};
use crate::pages::language::Language;
use crate::pages::onward::OnwardView;
use crate::pages::overview::{ChartWords, Overview, Wallet};
use crate::pages::password::{LinkView, PasswordView};
use crate::pages::registration::RegistrationPage;
use crate::pages::second_step::{SecondStepView, picture};
use crate::pages::settings::{LanguageChoice, LowCredit, SettingsView};
use crate::pages::sign_in::SignInView;
use crate::pages::subs::{MainCan, Shared, SubLine, SubLineWallet, SubView, SubWallet, SubsView};
use crate::pages::templates::{SOURCES, environment, render};
use crate::pages::voice::Voice;
use crate::pages::words::{Said, Tone};
use crate::pages::zone::{Frame, Message};
use jiff::tz::TimeZone;
use minijinja::Environment;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use topup_rules::credits::Credits;

/// What has to be escaped wherever it stands.
pub(super) const NASTY: &str = "<script>alert(\"1\")</script> & 'x'";

/// Renders and judges.
pub(super) struct Gallery {
    templates: Environment<'static>,
    pub(super) voice: Voice,
    seen: RefCell<BTreeSet<String>>,
}

impl Gallery {
    pub(super) fn show<V: Serialize>(&self, name: &str, view: &V) -> String {
        self.seen.borrow_mut().insert(name.to_owned());
        let mut last = String::new();
        for account in [None, Some("1001".to_owned())] {
            let frame = Frame::sample(&self.voice, &Assets::new(), account);
            let html = render(&self.templates, name, &frame, view).expect(name);
            let tags = read(&html).unwrap_or_else(|wrong| panic!("{name}: {wrong}\n{html}"));
            judge(&tags).unwrap_or_else(|wrong| panic!("{name}: {wrong}\n{html}"));
            let own = html.matches("<script src=\"&#x2f;assets&#x2f;").count();
            assert_eq!(html.matches("<script").count(), own, "{name}: {html}");
            first_of_several_buttons_is_harmless(&html);
            let english = leaks(self.voice.language(), &html);
            assert!(english.is_empty(), "{name} says {english:?}: {html}");
            last = html;
        }
        last
    }
}

pub(super) fn said(tone: Tone) -> Said {
    Said {
        tone,
        tag: NASTY.to_owned(),
        text: NASTY.to_owned(),
    }
}

pub(super) fn wrong_form(prefix: &'static str, names: &[&'static str]) -> Form {
    let pairs = names.iter().map(|name| ((*name).to_owned(), NASTY.to_owned()));
    let mut form = Form::new(prefix).typed(&Fields::new(pairs.collect()), names);
    form.refuse(NASTY.to_owned());
    for name in names {
        form.wrong(name, NASTY.to_owned());
    }
    form
}

fn days(count: i8) -> Vec<Day> {
    let first = jiff::civil::date(2026, 11, 1);
    let day = |index: i8| Day {
        day: first.saturating_add(jiff::Span::new().days(i64::from(index))),
        sent: Credits::from_milli(i64::from(index) * 7_500),
        balance: Credits::from_milli(300_000 - i64::from(index) * 20_000),
        topups: if index % 9 == 4 {
            vec![Credits::from_milli(500_000); 2]
        } else {
            Vec::new()
        },
    };
    (0..count).map(day).collect()
}

fn sign_in(gallery: &Gallery) {
    for form in [Form::new(""), wrong_form("", &["email", "password"])] {
        let next = NASTY.to_owned();
        let why = form.is_fine().then(|| NASTY.to_owned());
        gallery.show("sign-in.html", &SignInView { form, next, why });
    }
    for form in [Form::new(""), wrong_form("", &["code"])] {
        let (next, why) = ("/".to_owned(), None);
        gallery.show("code.html", &SignInView { form, next, why });
    }
    for form in [Form::new(""), wrong_form("", &["email"])] {
        gallery.show("link.html", &LinkView { form: form.clone() });
        gallery.show("link-sent.html", &LinkView { form });
    }
    for form in [Form::new(""), wrong_form("", &["password", "again"])] {
        let link = NASTY.to_owned();
        gallery.show("password.html", &PasswordView { form, link });
    }
    let message = Message {
        title: NASTY.to_owned(),
        text: NASTY.to_owned(),
        href: Some("/"),
        link: Some(NASTY.to_owned()),
    };
    gallery.show("message.html", &message);
}

fn overview(gallery: &Gallery) {
    let voice = &gallery.voice;
    let words = || ChartWords::new(voice);
    let none = Overview {
        wallets: Vec::new(),
        words: words(),
    };
    gallery.show("overview.html", &none);
    let wallet = |id: &'static str, tone| Wallet {
        id,
        service: "SMS",
        available: "1,234.5".to_owned(),
        balance: "1,234.5".to_owned(),
        held: Some("5".to_owned()),
        low: Some(NASTY.to_owned()),
        auto: said(tone),
        open: Some(said(Tone::Warn)),
        chart: chart(voice, "SMS", id, &days(30), Credits::from_milli(50_000)),
    };
    let plain = Wallet {
        held: None,
        low: None,
        open: None,
        chart: chart(voice, "SMS", "whatsapp", &days(1), Credits::ZERO),
        ..wallet("whatsapp", Tone::Plain)
    };
    let full = Overview {
        wallets: vec![wallet("sms", Tone::Bad), plain],
        words: words(),
    };
    let html = gallery.show("overview.html", &full);
    assert_eq!(html.matches("<svg class=\"chart\"").count(), 2);
}

fn history(gallery: &Gallery) {
    let link = |is_here| Link {
        href: "/history/sms".to_owned(),
        text: "SMS".to_owned(),
        is_here,
    };
    let topup = |tone, price: Option<String>| Topup {
        id: format!("{tone:?}"),
        when: "now".to_owned(),
        service: "SMS",
        credits: "500".to_owned(),
        by: "card".to_owned(),
        price,
        said: said(tone),
    };
    for (topups, next, is_first) in [
        (Vec::new(), None, true),
        (
            vec![
                topup(Tone::Good, Some("R 1.00".to_owned())),
                topup(Tone::Plain, None),
            ],
            Some("/history?after=x".to_owned()),
            false,
        ),
    ] {
        let wallets = vec![link(false), link(true)];
        gallery.show(
            "history.html",
            &History {
                topups,
                next,
                is_first,
                wallets,
                purchases: bought(!is_first),
                purchases_next: (!is_first).then(|| "/history?bought=x#purchases".to_owned()),
                purchases_is_first: is_first,
            },
        );
    }
    let entry = || Entry {
        when: "now".to_owned(),
        what: NASTY.to_owned(),
        credits: "-1".to_owned(),
    };
    for (rows, next, is_first) in [
        (Vec::new(), None, true),
        (
            vec![entry(), entry()],
            Some("/history/sms?after=x".to_owned()),
            false,
        ),
    ] {
        let entries = Entries {
            service: "SMS",
            rows,
            next,
            is_first,
            first: "/history/sms".to_owned(),
            months: vec![link(false)],
            wallets: vec![link(false), link(true)],
        };
        gallery.show("entries.html", &entries);
    }
}

fn settings(gallery: &Gallery) {
    for is_wrong in [false, true] {
        let form = |prefix, names: &[&'static str]| match is_wrong {
            true => wrong_form(prefix, names),
            false => Form::new(prefix),
        };
        let low_credit = |id, prefix| LowCredit {
            id,
            service: "SMS",
            form: form(prefix, &["threshold"]),
        };
        let view = SettingsView {
            form: form("sms-", &["threshold"]),
            contact: form("contact-", &["mobile", "email"]),
            billing: form("billing-", &["name", "address", "tax_number"]),
            one_click: is_wrong.then(|| NASTY.to_owned()),
            languages: vec![LanguageChoice {
                tag: "en",
                name: "English",
                is_here: is_wrong,
            }],
            wallets: vec![low_credit("sms", "sms-"), low_credit("whatsapp", "whatsapp-")],
            password: form("password-", &["now", "password", "again"]),
            email: NASTY.to_owned(),
            has_second_step: is_wrong,
        };
        gallery.show("settings.html", &view);
        let (size, picture) = picture("otpauth://totp/x?secret=AAAA").expect("a picture");
        let on = SecondStepView {
            form: form("", &["code"]),
            secret: None,
            ..SecondStepView::default()
        };
        gallery.show("second-step.html", &on);
        let setup = SecondStepView {
            form: form("", &["code"]),
            secret: Some("AAAA BBBB".to_owned()),
            picture,
            size,
        };
        gallery.show("second-step.html", &setup);
    }
}

fn auto_topup(gallery: &Gallery) {
    let nasty = || NASTY.to_owned();
    let newest = |tone, is_open| Newest {
        is_open,
        said: said(tone),
        what: nasty(),
        when: nasty(),
        href: "/history#topup-x".to_owned(),
    };
    let wallet = |id, can, newest| WalletCard {
        id,
        service: "SMS",
        credits: "100".to_owned(),
        said: said(Tone::Bad),
        mend: (can == Can::SetUp).then(nasty),
        newest,
        can,
    };
    let wallets = vec![
        wallet("sms", Can::SetUp, Some(newest(Tone::Warn, true))),
        wallet("whatsapp", Can::Change, Some(newest(Tone::Good, false))),
        wallet("telex", Can::Look, None),
    ];
    gallery.show("auto-topup.html", &AutoTopupPage { wallets });
    gallery.show("auto-topup.html", &AutoTopupPage { wallets: Vec::new() });
    for form in [Form::new(""), wrong_form("", &["threshold", "quantity", "agree"])] {
        let refused = match form.is_fine() {
            true => Form::new(""),
            false => wrong_form("", &[]),
        };
        let off = OffView {
            form: refused.clone(),
            title: nasty(),
            text: nasty(),
            action: "/auto-topup/sms/disable".to_owned(),
            back: "/auto-topup".to_owned(),
        };
        gallery.show("auto-topup-off.html", &off);
        for (card, by_main) in [(Some(nasty()), false), (None, false), (None, true)] {
            let price = card.as_ref().map(|_| Price {
                credits: nasty(),
                threshold: nasty(),
                price: nasty(),
                tax: nasty(),
            });
            let view = CardPage {
                form: if by_main { refused.clone() } else { form.clone() },
                id: "sms",
                service: "SMS",
                credits: nasty(),
                is_given_back: card.is_some(),
                terms_url: card.clone(),
                card,
                by_main,
                price,
                charge: nasty(),
                terms: nasty(),
                request: nasty(),
            };
            gallery.show("auto-topup-card.html", &view);
        }
    }
    gallery.show("onward.html", &OnwardView { url: nasty() });
    for text in [None, Some(nasty())] {
        let view = RegistrationPage {
            said: said(Tone::Plain),
            todo: text.clone(),
            service: "SMS",
            threshold: nasty(),
            quantity: nasty(),
            card: text.clone(),
            charge: nasty(),
            given_back: text.clone(),
            checkout_url: text.clone(),
            is_looking: text.is_some(),
            again: text,
            here: "/".to_owned(),
        };
        gallery.show("registration.html", &view);
    }
}

fn subs(gallery: &Gallery) {
    let nasty = || NASTY.to_owned();
    let wallet = || SubLineWallet {
        service: "SMS",
        credits: nasty(),
        said: said(Tone::Bad),
    };
    let line = |count| SubLine {
        number: nasty(),
        href: "/subs/2001".to_owned(),
        wallets: (0..count).map(|_| wallet()).collect(),
    };
    for (next, is_first) in [(None, true), (Some("/subs?after=2001".to_owned()), false)] {
        let subs = vec![line(0), line(2)];
        gallery.show("subs.html", &SubsView { subs, next, is_first });
    }
    for is_wrong in [false, true] {
        let form = |prefix, names: &[&'static str]| match is_wrong {
            true => wrong_form(prefix, names),
            false => Form::new(prefix),
        };
        let wallet = |id, prefix, can, text: Option<String>| SubWallet {
            id,
            service: "SMS",
            credits: nasty(),
            said: said(Tone::Bad),
            newest: text.as_ref().map(|text| Newest {
                is_open: false,
                said: said(Tone::Good),
                what: text.clone(),
                when: nasty(),
                href: "/history#topup-x".to_owned(),
            }),
            mend: text,
            form: form(prefix, &["threshold", "quantity"]),
            can,
        };
        let view = SubView {
            form: form("move-", &["credits"]),
            number: nasty(),
            here: "/subs/2001".to_owned(),
            wallets: vec![
                wallet("sms", "sms-", MainCan::Change, Some(nasty())),
                wallet("whatsapp", "whatsapp-", MainCan::SetUp, None),
                wallet("telex", "telex-", MainCan::End, None),
            ],
            moving: form("move-", &["credits"]).value("direction", "to-sub"),
            services: vec![Shared {
                id: "sms",
                service: "SMS",
                mine: nasty(),
                theirs: nasty(),
                is_chosen: is_wrong,
            }],
            request: nasty(),
        };
        gallery.show("sub.html", &view);
    }
}

/// Enter in a field presses a form's first button: where there are several, that one must do nothing but show.
fn first_of_several_buttons_is_harmless(html: &str) {
    for form in html.split("<form ").skip(1) {
        let form = form.split("</form>").next().unwrap_or_default();
        let mut buttons = form
            .split("<button")
            .skip(1)
            .map(|it| it.split('>').next().unwrap_or_default());
        if let (Some(first), Some(_)) = (buttons.next(), buttons.next()) {
            assert!(first.contains("name=\"do\" value=\"quote\""), "{first}");
        }
    }
}

#[test]
fn every_page_is_well_formed_and_labelled_and_escapes_what_it_is_given_in_every_language() {
    let catalogue = Arc::new(Catalogue::new().expect("texts"));
    for language in Language::ALL {
        let zone = TimeZone::get("Africa/Johannesburg").expect("a zone");
        let gallery = Gallery {
            templates: environment(&catalogue).expect("templates"),
            voice: Voice::new(Arc::clone(&catalogue), language, zone),
            seen: RefCell::default(),
        };
        sign_in(&gallery);
        overview(&gallery);
        history(&gallery);
        settings(&gallery);
        auto_topup(&gallery);
        subs(&gallery);
        buying(&gallery);
        let all = SOURCES.iter().map(|(name, _)| (*name).to_owned());
        let parts = ["base.html", "chart.html", "form.html", "parts.html"];
        let pages: BTreeSet<String> = all.filter(|name| !parts.contains(&name.as_str())).collect();
        assert_eq!(*gallery.seen.borrow(), pages);
    }
}
