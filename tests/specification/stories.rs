//! What account holders do around their credits, from page to page in a real browser, with a fleet and a world outside
//! behind it: every page that they come by is looked at ([`Visit`](crate::visit::Visit)).

mod auto_topup;
mod buying;
mod ledger_file;
mod phone;
mod repair;
mod subs;
