//! What the pages look like, which a customer pays on.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::{Environment, Value, context};

use super::{CARDS, TestCard, back};
use crate::books::{Channel, Currency, Status, Transaction};

/// The phone that pays unless another is typed.
const TEST_PHONE: &str = "+254710000000";

/// There is no such page.
pub(super) fn no_page() -> Response {
    (StatusCode::NOT_FOUND, Html("<p>There is no such payment.</p>")).into_response()
}

/// The page on which the customer chooses how to pay. `left`: the customer wanted back, and there is no way.
pub(super) fn page(transaction: &Transaction, left: bool) -> Response {
    let page = transaction.page.as_ref();
    let channels = page.map(|page| page.channels.as_slice()).unwrap_or_default();
    let cards: Vec<Value> = CARDS
        .iter()
        .map(|card| context! { number => card.number, shown => in_fours(card.number), does => card.does })
        .collect();
    let wallets = match channels.contains(&Channel::MobileMoney) {
        true => transaction.asked.currency.phone_wallets(),
        false => &[],
    };
    let wallets: Vec<Value> = wallets
        .iter()
        .map(|wallet| context! { word => wallet.word(), name => wallet.name() })
        .collect();
    let of_page = context! {
        open => is_open(transaction),
        status => transaction.status.word(),
        words => transaction.gateway_response,
        back => back(transaction).map(String::from),
        by_card => channels.contains(&Channel::Card),
        left, cards, wallets, phone => TEST_PHONE,
    };
    render("page.html", transaction, of_page)
}

/// The page on which the card's bank asks whether it is the customer.
pub(super) fn secure(transaction: &Transaction, card: Option<&TestCard>) -> Response {
    let of_page = context! { last4 => card.map(TestCard::last4) };
    render("secure.html", transaction, of_page)
}

/// Whether it can still be paid.
pub(super) fn is_open(transaction: &Transaction) -> bool {
    match transaction.status {
        Status::Abandoned | Status::Ongoing => true,
        Status::Pending | Status::Success | Status::Failed | Status::Reversed => false,
    }
}

fn render(name: &str, transaction: &Transaction, of_page: Value) -> Response {
    let mut pages = Environment::new();
    let added = [
        ("frame.html", include_str!("frame.html")),
        ("page.html", include_str!("page.html")),
        ("secure.html", include_str!("secure.html")),
    ]
    .into_iter()
    .try_for_each(|(name, text)| pages.add_template(name, text));
    let asked = &transaction.asked;
    let of_payment = context! {
        amount => amount(asked.currency, asked.amount_minor),
        email => asked.email.as_str(),
    };
    let page = added.and_then(|()| {
        pages
            .get_template(name)?
            .render(context! { ..of_page, ..of_payment })
    });
    match page {
        Ok(page) => Html(page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn amount(currency: Currency, minor: u64) -> String {
    format!("{} {}.{:02}", currency.code(), minor / 100, minor % 100)
}

/// A card's number as it stands on the card.
fn in_fours(number: &str) -> String {
    let digits: Vec<char> = number.chars().collect();
    let fours: Vec<String> = digits.chunks(4).map(String::from_iter).collect();
    fours.join(" ")
}
