//! The pages of buying, at their fullest and at their emptiest.

use super::samples::{Gallery, NASTY, said, wrong_form};
use crate::pages::buy::{BuyPage, ServiceChoice};
use crate::pages::form::Form;
use crate::pages::one_click::{Again, Button, OneClickOff, OneClickPage, Stands};
use crate::pages::purchase::{Bought, PurchasePage, ReceiptPage};
use crate::pages::quoting::{Summary, WayButton};
use crate::pages::words::Tone;

fn summary(is_taxed: bool) -> Summary {
    Summary {
        what: NASTY.to_owned(),
        unit_price: "R 0.70494".to_owned(),
        tax: is_taxed.then(|| "R 45.97".to_owned()),
        price: "R 352.47".to_owned(),
        shown: NASTY.to_owned(),
    }
}

/// Of the history.
pub(super) fn bought(is_full: bool) -> Vec<Bought> {
    let one = |receipt: Option<&str>| Bought {
        href: "/purchases/x".to_owned(),
        what: NASTY.to_owned(),
        way: NASTY.to_owned(),
        said: said(Tone::Good),
        when: "now".to_owned(),
        price: "R 352.47".to_owned(),
        receipt: receipt.map(str::to_owned),
    };
    match is_full {
        true => vec![one(Some("/purchases/x/receipt")), one(None)],
        false => Vec::new(),
    }
}

pub(super) fn buying(gallery: &Gallery) {
    form(gallery);
    outcome(gallery);
    one_click(gallery);
}

fn form(gallery: &Gallery) {
    let names = ["credits", "amount", "agree", "name", "address", "tax_number"];
    for is_full in [false, true] {
        let way = |id| WayButton {
            id,
            text: if is_full { NASTY.to_owned() } else { String::new() },
        };
        let html = gallery.show(
            "buy.html",
            &BuyPage {
                form: if is_full {
                    wrong_form("", &names)
                } else {
                    Form::new("")
                },
                services: vec![ServiceChoice {
                    id: "sms",
                    name: "SMS",
                    is_here: is_full,
                }],
                currency: "R".to_owned(),
                summary: is_full.then(|| summary(is_full)),
                ways: vec![way("one-click"), way("card"), way("phone")],
                one_click: is_full.then(|| NASTY.to_owned()),
                billed_to: is_full.then(|| NASTY.to_owned()),
                billing_is_open: is_full,
                email: NASTY.to_owned(),
                terms: NASTY.to_owned(),
                terms_url: is_full.then(|| "https://example.com/terms".to_owned()),
                request: "x".to_owned(),
                script: "/assets/buy-x.js".to_owned(),
            },
        );
        // Without a price there is nothing to press that would charge anything.
        assert_eq!(
            html.contains("id=\"ways\" aria-labelledby=\"ways-heading\" hidden"),
            !is_full
        );
    }
}

fn outcome(gallery: &Gallery) {
    for is_full in [false, true] {
        let some = || is_full.then(|| NASTY.to_owned());
        let purchase = PurchasePage {
            said: said(if is_full { Tone::Bad } else { Tone::Plain }),
            todo: some(),
            one_click: some(),
            what: NASTY.to_owned(),
            price: "R 352.47".to_owned(),
            tax: some(),
            way: NASTY.to_owned(),
            reference: NASTY.to_owned(),
            when: "now".to_owned(),
            checkout_url: some(),
            again: some(),
            has_failed: is_full,
            receipt: some(),
            is_looking: is_full,
            here: "/purchases/x".to_owned(),
        };
        gallery.show("purchase.html", &purchase);
        let receipt = ReceiptPage {
            number: NASTY.to_owned(),
            date: "now".to_owned(),
            billed_to: vec![NASTY.to_owned(); if is_full { 3 } else { 1 }],
            tax_number: some(),
            account: "1001".to_owned(),
            what: NASTY.to_owned(),
            net: some(),
            tax: some(),
            price: "R 352.47".to_owned(),
            way: NASTY.to_owned(),
            reversed: some(),
            back: "/purchases/x".to_owned(),
        };
        gallery.show("receipt.html", &receipt);
    }
}

fn one_click(gallery: &Gallery) {
    for is_full in [false, true] {
        let again = |id, button| Again {
            id,
            service: "SMS",
            button,
            href: "/buy?service=sms".to_owned(),
        };
        let button = Button {
            credits: "500".to_owned(),
            summary: summary(is_full),
            text: NASTY.to_owned(),
            request: "x".to_owned(),
        };
        let page = OneClickPage {
            stands: is_full.then(|| Stands {
                card: NASTY.to_owned(),
                until: Some("12/2030".to_owned()),
                agreed_at: "now".to_owned(),
                terms: NASTY.to_owned(),
            }),
            again: vec![again("sms", Some(button)), again("whatsapp", None)],
            terms: "1".to_owned(),
            terms_url: is_full.then(|| "https://example.com/terms".to_owned()),
        };
        gallery.show("one-click.html", &page);
        let card = is_full.then(|| NASTY.to_owned());
        gallery.show("one-click-off.html", &OneClickOff { card });
    }
}
