//! The only SQL of the fleet: one [`Store`], whose methods are each one transaction or one question.
//!
//! A method locks, reads, asks the rules, and writes; what it decides is decided in `topup-rules`. Messages that a
//! change wants published come back as [`OutboxMessage`]s, whose rows are committed with it.
//!
//! | what | where |
//! | --- | --- |
//! | connections, transactions, the schema | `pool`, `client`, `transaction`, `migrate` |
//! | a batch of sends: debits, holds used, triggers, notices | `sends` |
//! | a top-up wakes; the gateway's answer; settlement | `topups`, `settle` |
//! | credits bought by hand, begun and looked at; what invoices bear | `purchases`, `billing` |
//! | consent to 1-Click; a card that is registered, and its charge given back | `one_click`, `registrations` |
//! | tokens that the gateway is to forget | `tokens` |
//! | entries of the ledger that are no sends; the ledger's days | `ledger`, `partitions` |
//! | leave to send | `holds` |
//! | accounts: import, view, settings, how a holder is reached, saved cards, acts by hand | `import`, `accounts`, `settings`, `contact`, `cards`, `adjust` |
//! | who may call by the HTTP interface; what a repeated request finds | `access`, `idempotency` |
//! | what is kept of a person, and its removal | `personal` |
//! | people who sign in: logins, links, sessions, tries | `logins` |
//! | the price list | `prices` |
//! | notices: recorded, delivered; events for platforms | `notices`, `delivery`, `events` |
//! | what is asked of the gateway again; the line to it; its list of a day | `inquiries`, `lines`, `reconcile` |
//! | messages to publish, and the trace that they bear; what is overdue | `outbox`, [`trace`], `sweep` |
//! | what people did with dead letters and queues | `acts` |
//! | queues that are paused, processes that are alive, the server | `pauses`, `processes`, `server` |
//! | for account holders: entries, top-ups, a month's statement, its days at a glance | `listing`, `statement`, `glance` |
//! | the ledger's days that are over, indexed and counted for them | `history` |
//! | for people: top-ups, what waits, an account's story, the audit | `views`, `waiting`, `story`, `audit` |
//!
//! What always holds:
//!
//! * Locks are taken in one order: wallets by (account, service), then holds, the account's card spacing, top-ups,
//!   payments, the line to the gateway.
//! * A wallet is one row, settings and open top-up included: locking it is the snapshot that is decided on.
//! * Every effect has a permanent key of its own, so that doing it again finds it done.
//! * Time is the database's, read after the locks are held.
//!
//! Deliberately absent: any wait for the world outside while a transaction is open, caches, and changes to ledger
//! entries.

mod access;
mod accounts;
mod acts;
mod adjust;
mod audit;
mod billing;
mod cards;
mod client;
mod contact;
mod delivery;
mod error;
mod events;
mod glance;
mod grants;
mod history;
mod holds;
mod idempotency;
mod import;
mod inquiries;
mod ledger;
mod lines;
mod listing;
mod locks;
mod logins;
mod migrate;
mod notices;
mod one_click;
mod outbox;
mod partitions;
mod pauses;
mod personal;
mod pool;
mod prices;
mod processes;
mod purchases;
mod reconcile;
mod registrations;
mod rows;
mod secret;
mod sends;
mod server;
mod settings;
mod settle;
mod statement;
mod story;
mod sweep;
mod tokens;
mod topups;
pub mod trace;
mod transaction;
mod views;
mod waiting;

pub use access::{Bearer, NewToken, TOKEN_PREFIX, TokenView};
pub use accounts::{AccountView, AutoTopupView, OpenTopupView, WalletView};
pub use acts::{Act, ActRow, MovedMessage, MovedOf, MovedRow, MovedTo, NewAct};
pub use adjust::{AdjustRefusal, Adjusted, ByHand, Moved};
pub use audit::{AuditPolicy, AuditReport, Check};
pub use billing::Billing;
pub use cards::SavedCard;
pub use contact::NewContact;
pub use delivery::{Contact, InvalidState, NoticeRow, NoticeState};
pub use error::{StoreError, certificate_advice};
pub use glance::{GlanceDay, GlanceTopup};
pub use grants::{GrantsPart, ROLE_PREFIX, Role};
pub use history::{DaysReady, INDEXED_BY_FUNCTION_TO_BYTES};
pub use holds::{HoldClose, HoldGrant, HoldView, HoldWanted};
pub use idempotency::RequestBegun;
pub use import::{
    AccountImport, AutoTopupImport, Change, ContactProblem, ImportProblem, ImportRefusal, Imported,
    ImportedWallet, KindImport, WalletImport,
};
pub use inquiries::{Inquired, InquiryEnd};
pub use lines::GatewayLine;
pub use listing::{LedgerPage, LedgerRow, LedgerSpan};
pub use logins::{Counted, LINK_LIFE, Login, LoginMade, LoginView, SESSION_LIFE, Session, TryLimit};
pub use migrate::MigrationWait;
pub use one_click::{OneClickAgreement, OneClickView};
pub use outbox::OutboxMessage;
pub use partitions::LEDGER_DAYS_AHEAD;
pub use pauses::QueuePause;
pub use personal::{EXPORTED_MAX, Removed, RemovedPart};
pub use pool::{ClocksCompared, Connections, Store, StoreOptions};
pub use processes::{ProcessReport, ProcessRow, ProcessState};
pub use purchases::{Begun, NewPurchase, NotOpened, PageIntent, PurchaseRefusal, PurchaseView};
pub use reconcile::{ReconciledDifference, Reconciliation};
pub use registrations::{NewRegistration, RefundDue, RefundEnd, RegistrationBegun, RegistrationView};
pub use sends::{Send, SendOutcome, SendsRecorded};
pub use server::Server;
pub use settings::{CardConsent, SettingsChange};
pub use settle::{Settled, SettlementPolicy};
pub use story::{Fact, StoryLine};
pub use sweep::{OpenPayments, OpenTopups, OutOfStep};
pub use tokens::{TokenDue, TokenEnd};
pub use topup_rules::charge::Answer;
pub use topups::{ChargeIntent, GatewayCall, LineEnd, TopupPolicy, Triggered, Woken};
pub use views::{PaymentView, TopupFilter, TopupView};
pub use waiting::WaitingTopups;
