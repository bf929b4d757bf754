//! Who may do what by the HTTP interface and the pages: callers, what leave they bear, and whose account it is about.
//!
//! First it is asked whether the caller may know of the account at all: who may not hears that there is none. Then
//! whether the leave covers such an act, and last whether the act is the caller's to do. What the settings' rules say
//! besides, by method (E1–E6), is decided there, with the [`Actor`] that comes out of here.
//!
//! Left out: how a caller proves who it is; operators, who act on the database by their own command.

use crate::account::Account;
use crate::ids::AccountId;
use crate::names::names;
use crate::settings::Actor;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The messaging platform itself: its back office, its senders.
    Platform,
    /// An account: its holder, or the platform's pages on the holder's behalf.
    Account(AccountId),
}

names! {
    /// A part of what can be done. A token bears any number of them; whoever signed in bears all.
    pub enum Scope: "scope" {
        /// Look at accounts, credits, top-ups, purchases and prices.
        Read = "read",
        /// Buy credits; agree to 1-Click, and withdraw that.
        Buy = "buy",
        /// Auto top-up, low-credit notice, contact and billing details.
        Settings = "settings",
        /// Ask leave to send, and close it.
        Send = "send",
        /// Move credits between a main account and its subs.
        Transfer = "transfer",
        /// Create and change accounts.
        Accounts = "accounts",
        /// Export and remove what is personal.
        Personal = "personal",
    }
}

names! {
    /// What can be asked for of one account.
    pub enum Act: "act" {
        /// See the account, its wallets, ledger, settings, top-ups, purchases and statements.
        See = "see",
        /// Ask what credits cost it.
        Quote = "quote",
        /// P2: buy on the gateway's page.
        BuyHosted = "buy-hosted",
        /// P3: charge the saved card, agree to 1-Click, withdraw the agreement.
        OneClick = "one-click",
        /// E2–E5: set up or change auto top-up.
        SetAutoTopup = "set-auto-topup",
        /// E6: disable auto top-up.
        DisableAutoTopup = "disable-auto-topup",
        /// L1: set the threshold of the notice.
        SetLowCredit = "set-low-credit",
        /// Change number, address and billing details.
        SetContact = "set-contact",
        /// S5: ask leave for a batch, and close it.
        Hold = "hold",
        /// X5: move credits between a main and this sub of it.
        MoveCredits = "move-credits",
        /// Change what the platform keeps of it.
        Change = "change",
        /// Get all that is kept of its holder.
        Export = "export",
        /// Have all that is personal removed.
        Remove = "remove",
    }
}

impl Act {
    /// The scope that covers it.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::See | Self::Quote => Scope::Read,
            Self::BuyHosted | Self::OneClick => Scope::Buy,
            Self::SetAutoTopup | Self::DisableAutoTopup | Self::SetLowCredit | Self::SetContact => {
                Scope::Settings
            }
            Self::Hold => Scope::Send,
            Self::MoveCredits => Scope::Transfer,
            Self::Change => Scope::Accounts,
            Self::Export | Self::Remove => Scope::Personal,
        }
    }
}

/// What a caller bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// Who it is.
    pub caller: Caller,
    /// What it may do at all.
    pub scopes: Vec<Scope>,
}

/// Why something is not done for this caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessRefusal {
    /// There is none, as far as the caller may know.
    #[error("there is no account {0}")]
    NoAccount(AccountId),
    /// The token was made for other things.
    #[error("this needs a token with the scope `{0}`")]
    NoScope(Scope),
    /// E2, P5: consent is given by who is charged.
    #[error("E2: this is done by the account itself, by nobody on its behalf")]
    ItselfAlone,
    /// X5: credits are moved by who gives them.
    #[error("X5: credits are moved by the main account of a sub account")]
    ItsMainAlone,
    /// It is the platform's own.
    #[error("this is done by the messaging platform")]
    PlatformAlone,
    /// Its holder's, or the platform's.
    #[error("this is done by the account itself or by the messaging platform")]
    ItselfOrPlatform,
    /// E6: the account's, or its main's.
    #[error("E6: auto top-up is disabled by the account or by its main account")]
    ItselfOrMain,
    /// E2, E5: which of the two, is a question of the method.
    #[error("E2: auto top-up is set up by the account itself (card) or by its main account (transfer)")]
    NotByPlatform,
}

/// What the caller is to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tie {
    Platform,
    Itself,
    ItsMain,
}

/// E1, E2, E6, X5: whether the caller may do this to the account, and as whom the settings' rules see it.
///
/// # Errors
/// The first thing that stands against it: no such account for this caller, no such scope, not the caller's to do.
pub fn may(leave: &Leave, act: Act, account: &Account) -> Result<Actor, AccessRefusal> {
    let tie = tie(leave.caller, account).ok_or(AccessRefusal::NoAccount(account.id))?;
    allowed(leave, act, tie)
}

/// The same, before the account is looked at: of the platform and of the account itself it makes no difference what else
/// it is. None: it does. That there is such an account is not said.
#[must_use]
pub fn may_at_once(leave: &Leave, act: Act, id: AccountId) -> Option<Result<Actor, AccessRefusal>> {
    let tie = match leave.caller {
        Caller::Platform => Tie::Platform,
        Caller::Account(who) if who == id => Tie::Itself,
        Caller::Account(_) => return None,
    };
    Some(allowed(leave, act, tie))
}

fn allowed(leave: &Leave, act: Act, tie: Tie) -> Result<Actor, AccessRefusal> {
    covers(leave, act.scope())?;
    match (act, tie) {
        (Act::See | Act::Quote, Tie::Platform | Tie::Itself | Tie::ItsMain)
        | (
            Act::BuyHosted | Act::SetLowCredit | Act::SetContact | Act::Hold | Act::Export,
            Tie::Platform | Tie::Itself,
        )
        | (Act::OneClick, Tie::Itself)
        | (Act::SetAutoTopup | Act::DisableAutoTopup, Tie::Itself | Tie::ItsMain)
        | (Act::MoveCredits, Tie::ItsMain)
        | (Act::Change | Act::Remove, Tie::Platform) => Ok(actor(tie)),
        (Act::BuyHosted | Act::SetLowCredit | Act::SetContact | Act::Hold | Act::Export, Tie::ItsMain) => {
            Err(AccessRefusal::ItselfOrPlatform)
        }
        (Act::OneClick, Tie::Platform | Tie::ItsMain) => Err(AccessRefusal::ItselfAlone),
        (Act::SetAutoTopup, Tie::Platform) => Err(AccessRefusal::NotByPlatform),
        (Act::DisableAutoTopup, Tie::Platform) => Err(AccessRefusal::ItselfOrMain),
        (Act::MoveCredits, Tie::Platform | Tie::Itself) => Err(AccessRefusal::ItsMainAlone),
        (Act::Change | Act::Remove, Tie::Itself | Tie::ItsMain) => Err(AccessRefusal::PlatformAlone),
    }
}

/// X5: whether the caller may move credits between `main` and `sub`: the main itself, to and from a sub of its own.
///
/// # Errors
/// The first thing that stands against it, as [`may`]; that the two are not a main and its sub is left to be said by
/// who moves them.
pub fn may_move(leave: &Leave, main: &Account, sub: &Account) -> Result<(), AccessRefusal> {
    tie(leave.caller, main).ok_or(AccessRefusal::NoAccount(main.id))?;
    covers(leave, Act::MoveCredits.scope())?;
    if leave.caller != Caller::Account(main.id) {
        return Err(AccessRefusal::ItsMainAlone);
    }
    match tie(leave.caller, sub) {
        Some(Tie::ItsMain | Tie::Itself | Tie::Platform) => Ok(()),
        None => Err(AccessRefusal::NoAccount(sub.id)),
    }
}

/// Whether the caller may list and create accounts: the platform, with the scope for it.
///
/// # Errors
/// What stands against it.
pub fn may_manage_accounts(leave: &Leave) -> Result<(), AccessRefusal> {
    match leave.caller {
        Caller::Platform => covers(leave, Scope::Accounts),
        Caller::Account(_) => Err(AccessRefusal::PlatformAlone),
    }
}

/// Whether a token with this scope would be of any use to the caller.
///
/// # Errors
/// All that it covers is done by somebody else.
pub const fn may_bear(caller: Caller, scope: Scope) -> Result<(), AccessRefusal> {
    match (caller, scope) {
        (Caller::Platform, _)
        | (
            Caller::Account(_),
            Scope::Read | Scope::Buy | Scope::Settings | Scope::Send | Scope::Transfer | Scope::Personal,
        ) => Ok(()),
        (Caller::Account(_), Scope::Accounts) => Err(AccessRefusal::PlatformAlone),
    }
}

fn covers(leave: &Leave, scope: Scope) -> Result<(), AccessRefusal> {
    if leave.scopes.contains(&scope) {
        Ok(())
    } else {
        Err(AccessRefusal::NoScope(scope))
    }
}

/// None: the caller may not even know that there is such an account.
fn tie(caller: Caller, account: &Account) -> Option<Tie> {
    match caller {
        Caller::Platform => Some(Tie::Platform),
        Caller::Account(who) => match Actor::of(account, who) {
            Actor::Itself => Some(Tie::Itself),
            Actor::ItsMain => Some(Tie::ItsMain),
            Actor::Other => None,
        },
    }
}

const fn actor(tie: Tie) -> Actor {
    match tie {
        Tie::Platform => Actor::Other,
        Tie::Itself => Actor::Itself,
        Tie::ItsMain => Actor::ItsMain,
    }
}
