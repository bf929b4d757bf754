//! The only SQL of the fleet. (docs to follow)

mod accounts;
mod adjust;
mod cards;
mod delivery;
mod error;
mod holds;
mod import;
mod ledger;
mod locks;
mod migrate;
mod notices;
mod outbox;
mod partitions;
mod pool;
mod prices;
mod rows;
mod sends;
mod settings;
mod settle;
mod sweep;
mod topups;
mod transaction;

pub use accounts::{AccountView, AutoTopupView, OpenTopupView, WalletView};
pub use adjust::{AdjustRefusal, Adjusted, ByHand, Moved};
pub use cards::SavedCard;
pub use delivery::{Contact, InvalidState, NoticeRow, NoticeState};
pub use error::StoreError;
pub use holds::{HoldClose, HoldGrant};
pub use import::{AccountImport, AutoTopupImport, Change, ImportProblem, ImportRefusal, Imported, ImportedWallet, KindImport, WalletImport};
pub use outbox::OutboxMessage;
pub use pool::{Store, StoreOptions};
pub use sends::{Send, SendOutcome, SendsRecorded};
pub use settings::{CardConsent, SettingsChange};
pub use settle::{Settled, SettlementPolicy};
pub use sweep::{OpenTopups, OutOfStep};
pub use topups::{Answer, ChargeIntent, GatewayCall, TopupPolicy, Woken};
