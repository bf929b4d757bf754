//! What the specification's tests stand on: a fleet of real processes on a broker and a database of its own.
//!
//! A test starts an [`App`], imports accounts that it builds with [`main_account`] and [`sub_account`], publishes
//! [`event`]s as an upstream sender would, and watches: the outside world as the sandbox saw it ([`Outside`]), the
//! queues ([`Broker`]), the operator's command ([`App::fleetctl`]), and, where nothing else tells, the database
//! ([`Rows`]). It ends with [`App::finish`].
//!
//! Waiting is done in one place, [`eventually`], with one bound: a test never sleeps, it looks until it sees.
//! Nothing here knows whether broker and database run natively or in containers.
//!
//! Deliberately absent: fakes of our own code, and any shortcut past the queues into a worker.

mod harness;

pub use harness::accounts::{Account, main_account, sub_account};
pub use harness::app::App;
pub use harness::broker::{Broker, Parked};
pub use harness::charges::{free_line, our_trouble, result_of, said, settlement_policy, topup_policy};
pub use harness::checker::{Checker, Verdict};
pub use harness::collector::{Collector, Span, SpanKind};
pub use harness::draw::Draw;
pub use harness::events::{Event, Raw, event, raw};
pub use harness::interface::{Interface, Reply};
pub use harness::library::{Library, account_id, session_on, sms_wallet, store_at, store_on};
pub use harness::noon::{today_in, where_it_is_noon};
pub use harness::older::programs_of;
pub use harness::options::AppOptions;
pub use harness::outside::{Capture, Charge, Mail, Outside, Sms, WebhookTry};
pub use harness::own_users::OwnUsers;
pub use harness::patience::{PATIENCE, eventually};
pub use harness::payments::CardPayment;
pub use harness::prices::{Price, sample_prices};
pub use harness::programs::{ask, command, metric, run, terminate};
pub use harness::proxy::{Proxy, Weather};
pub use harness::rough;
pub use harness::rows::{NoticeRow, Rows, TopupRow};
pub use harness::sender::Sender;
pub use harness::shared::{fresh_space, migrated_space, own_stack, stack};
pub use harness::shop::Shop;
pub use harness::terminal::{CTRL_C, ENTER, Terminal};
pub use harness::tls::{Authority, Behind, Door, host_and_port};
pub use harness::views::{AccountView, OpenTopup, WalletView, credits};
pub use harness::wire::{Cut, Wire};
pub use harness::wires::Wires;
