//! The page on which a customer pays, and from which it goes back to the merchant; for some cards by way of another one,
//! on which the card's bank asks.

mod view;

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;

use crate::books::{PaidWith, PhoneWallet, Status, Transaction};
use crate::world::World;

/// A card that only plays.
#[derive(Debug)]
struct TestCard {
    number: &'static str,
    /// What the page says of it.
    does: &'static str,
    plays: Play,
}

/// What a test card does on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Play {
    /// Pays.
    Pays,
    /// Pays once the bank was answered.
    AfterTheBank,
    /// Pays here, and is declined whenever it is charged again.
    PaysOnce,
    /// Is declined, with the gateway's words.
    Declined(&'static str),
}

/// The gateway's test cards, and one of the sandbox's own (the last).
const CARDS: [TestCard; 5] = [
    TestCard {
        number: "4084084084084081",
        does: "succeeds",
        plays: Play::Pays,
    },
    TestCard {
        number: "4084080000000409",
        does: "asks for 3-D Secure",
        plays: Play::AfterTheBank,
    },
    TestCard {
        number: "4084080000005408",
        does: "is declined",
        plays: Play::Declined("Declined"),
    },
    TestCard {
        number: "4084080000670037",
        does: "has insufficient funds",
        plays: Play::Declined("Insufficient Funds"),
    },
    TestCard {
        number: "4084080000004093",
        does: "succeeds, is declined later",
        plays: Play::PaysOnce,
    },
];

impl TestCard {
    /// The card of a number; the first where there is none of it.
    fn of(number: &str) -> &'static Self {
        CARDS
            .iter()
            .find(|card| card.number == number)
            .unwrap_or(&CARDS[0])
    }

    fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }
}

/// What the page's forms send.
#[derive(Debug, Deserialize)]
pub(super) struct Submitted {
    action: Action,
    #[serde(default)]
    channel: Way,
    /// One of the test cards; the first where none is named.
    #[serde(default)]
    card: String,
    /// The authorization code under which the card is to be kept, so that a test can choose what it will do.
    #[serde(default)]
    saves: String,
    /// Which of the currency's phone wallets; the first where none is named.
    #[serde(default)]
    wallet: String,
}

/// What the bank is answered.
#[derive(Debug, Deserialize)]
pub(super) struct Answered {
    action: Action,
}

/// What the bank asks about: a card that was chosen on the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    card: String,
    saves: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Pay,
    Decline,
    /// The customer goes back, and nothing has happened.
    Cancel,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    #[default]
    Card,
    MobileMoney,
}

/// The page's address.
pub(super) fn page_url(world: &World, access_code: &str) -> String {
    format!("http://{}/pay/{access_code}", world.http)
}

/// `GET /pay/{access_code}`. A charge that was challenged has its card already, and its bank asks at once.
pub(super) async fn show(State(world): State<Arc<World>>, Path(access_code): Path<String>) -> Response {
    match world.books().on_page(&access_code) {
        Some(transaction) if transaction.authorization_code.is_some() && view::is_open(transaction) => {
            view::secure(transaction, None)
        }
        Some(transaction) => view::page(transaction, false),
        None => view::no_page(),
    }
}

/// `POST /pay/{access_code}`: pays or declines, once, and sends the customer back; or to the bank's page first.
pub(super) async fn submit(
    State(world): State<Arc<World>>,
    Path(access_code): Path<String>,
    Form(form): Form<Submitted>,
) -> Response {
    let card = TestCard::of(&form.card);
    match (form.action, form.channel) {
        (Action::Cancel, _) => {}
        (Action::Decline, _) => decline(&world, &access_code, "Declined"),
        (Action::Pay, Way::MobileMoney) => pay_by_phone(&world, &access_code, &form.wallet),
        (Action::Pay, Way::Card) => match card.plays {
            Play::Declined(words) => decline(&world, &access_code, words),
            Play::AfterTheBank => {
                let challenged = world.books().challenge(&access_code, Timestamp::now());
                if let Some(transaction) = challenged {
                    world.abandon_later(&transaction);
                    return to_bank(&access_code, card, &form.saves);
                }
            }
            Play::Pays | Play::PaysOnce => pay_by_card(&world, &access_code, card, &form.saves),
        },
    }
    back_from(&world, &access_code, form.action == Action::Cancel)
}

/// `GET /pay/{access_code}/secure`: the bank asks.
pub(super) async fn ask(
    State(world): State<Arc<World>>,
    Path(access_code): Path<String>,
    Query(chosen): Query<Chosen>,
) -> Response {
    match world.books().on_page(&access_code) {
        Some(transaction) if view::is_open(transaction) => {
            view::secure(transaction, Some(TestCard::of(&chosen.card)))
        }
        Some(transaction) => view::page(transaction, false),
        None => view::no_page(),
    }
}

/// `POST /pay/{access_code}/secure`: the bank is answered.
pub(super) async fn answered(
    State(world): State<Arc<World>>,
    Path(access_code): Path<String>,
    Query(chosen): Query<Chosen>,
    Form(form): Form<Answered>,
) -> Response {
    match form.action {
        Action::Pay => pay_by_card(&world, &access_code, TestCard::of(&chosen.card), &chosen.saves),
        Action::Decline => decline(&world, &access_code, "3-D Secure was declined"),
        Action::Cancel => {}
    }
    back_from(&world, &access_code, form.action == Action::Cancel)
}

fn to_bank(access_code: &str, card: &TestCard, saves: &str) -> Response {
    // Of a code, what a query can bear as it is.
    let saves: String = saves
        .chars()
        .filter(|char| char.is_ascii_alphanumeric() || *char == '_')
        .collect();
    let url = format!("/pay/{access_code}/secure?card={}&saves={saves}", card.number);
    Redirect::to(&url).into_response()
}

fn decline(world: &World, access_code: &str, words: &'static str) {
    world.books().decline(access_code, words, Timestamp::now());
}

fn pay_by_card(world: &Arc<World>, access_code: &str, card: &TestCard, saves: &str) {
    let drawn = world.draw(access_code).code("saved card");
    let code = match (saves, card.plays) {
        (chosen, _) if chosen.starts_with("AUTH_") => chosen.to_owned(),
        (_, Play::PaysOnce) => format!("AUTH_declined_{drawn}"),
        (_, Play::Pays | Play::AfterTheBank | Play::Declined(_)) => format!("AUTH_{drawn}"),
    };
    pay(world, access_code, PaidWith::Card { last4: card.last4() }, code);
}

fn pay_by_phone(world: &Arc<World>, access_code: &str, wallet: &str) {
    let currency = world.books().on_page(access_code).map(|it| it.asked.currency);
    let wallets = currency.map_or(&[][..], |currency| currency.phone_wallets());
    let named = wallets.iter().find(|it| it.word() == wallet);
    let wallet = named.or(wallets.first()).copied().unwrap_or(PhoneWallet::Mpesa);
    let code = format!("AUTH_{}", world.draw(access_code).code("phone"));
    pay(world, access_code, PaidWith::Phone(wallet), code);
}

/// A page that is done with is left as it is.
fn pay(world: &Arc<World>, access_code: &str, paid_with: PaidWith, code: String) {
    let now = Timestamp::now();
    let paid = world.books().pay(access_code, paid_with, code, now, |asked| {
        world.trouble.amounts(asked)
    });
    match paid {
        Some(transaction) if transaction.status == Status::Pending => world.succeed_later(&transaction),
        Some(transaction) => drop(world.captured(&transaction)),
        None => {}
    }
}

/// The customer leaves the page, for where it came from.
fn back_from(world: &World, access_code: &str, left: bool) -> Response {
    let books = world.books();
    let Some(transaction) = books.on_page(access_code) else {
        return view::no_page();
    };
    match back(transaction) {
        Some(url) => Redirect::to(url.as_str()).into_response(),
        None => view::page(transaction, left),
    }
}

/// Where the customer goes back to.
fn back(transaction: &Transaction) -> Option<Url> {
    let mut url: Url = transaction.page.as_ref()?.callback_url.as_ref()?.parse().ok()?;
    let reference = &transaction.asked.reference;
    url.query_pairs_mut()
        .append_pair("trxref", reference)
        .append_pair("reference", reference);
    Some(url)
}
