//! The Client Zone: pages for account holders, made here and sent whole. No step of them needs a script.
//!
//! | module | what it is about |
//! | --- | --- |
//! | `zone`, `visitor` | what all pages share; who looks at one |
//! | `guard` | headers, cookies, and forms that are sent from nowhere but here |
//! | `catalogue`, `language`, `voice` | texts in each language, and figures as they are written there |
//! | `templates`, `form`, `assets`, `chart` | what pages are made of |
//! | `sign_in`, `password` | signing in and out, the mailed link |
//! | `overview`, `history` | credits at a glance; what happened |
//! | `buy`, `quoting`, `billing` | buying: the summary as one types, ways to pay, whom the receipt is made out to |
//! | `purchase`, `one_click` | what became of a purchase, its receipt; buying by one button |
//! | `auto_topup`, `auto_topup_card`, `registration` | automatic top-up: how it stands, by card, and how registering one went |
//! | `once`, `onward` | forms that are sent twice; on to the gateway's page, and waiting for what comes of it |
//! | `subs`, `sub_acts` | what a main account sees of its sub accounts, and does for them |
//! | `settings`, `second_step` | what an account holder may change alone; the second step of signing in |
//!
//! Left out: every decision. What may be done is asked of the rules, and what they refuse is shown in their words.

mod address;
mod assets;
mod auto_topup;
mod auto_topup_card;
mod billing;
mod buy;
mod catalogue;
mod chart;
mod form;
mod guard;
mod history;
mod language;
mod once;
mod one_click;
mod onward;
mod overview;
mod password;
mod purchase;
mod quoting;
mod registration;
mod second_step;
mod settings;
mod shown;
mod sign_in;
mod sub_acts;
mod subs;
mod templates;
#[cfg(test)]
mod tests;
mod trouble;
mod visitor;
mod voice;
mod words;
mod zone;

use crate::Edge;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;

use zone::Zone;

/// Largest form, in bytes.
const FORM_MAX_BYTES: usize = 64 * 1024;

/// Every page.
pub(crate) fn routes(edge: &Arc<Edge>) -> Router<Arc<Edge>> {
    let zone = Zone::new(Arc::clone(edge)).expect("texts and templates that tests have read");
    let zone = Arc::new(zone);
    let pages = Router::new()
        .merge(sign_in::routes())
        .merge(password::routes())
        .merge(overview::routes())
        .merge(buy::routes())
        .merge(quoting::routes())
        .merge(purchase::routes())
        .merge(one_click::routes())
        .merge(billing::routes())
        .merge(auto_topup::routes())
        .merge(auto_topup_card::routes())
        .merge(registration::routes())
        .merge(subs::routes())
        .merge(sub_acts::routes())
        .merge(history::routes())
        .merge(settings::routes())
        .merge(second_step::routes())
        .layer(DefaultBodyLimit::max(FORM_MAX_BYTES))
        .layer(from_fn_with_state(Arc::clone(&zone), zone::around))
        // What the words need that there is no room, or no database.
        .merge(assets::routes(zone.assets()));
    pages.with_state(zone)
}
