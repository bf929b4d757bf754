//! What the business decides: the rules of prepaid credits and their automatic refilling, as functions of data.
//!
//! A function here gets everything that it decides on (locked rows, settings, the database's time) and answers with a
//! closed enum that says what is to be done, or why nothing is. Who calls it does as told, in one transaction.
//! The rules are numbered; tests, refusals and the other crates' comments point at them by number.
//!
//! **Deliberately not here:** no database, no broker, no network and no file; no clock and no randomness (this crate's
//! `clippy.toml` bans them); nothing asynchronous; no log lines; no texts for account holders (only their values);
//! no floating point for credits or money.
//!
//! # Words
//!
//! * An *account* is a customer, **main** or **sub** of exactly one main. A *wallet* is one account's prepaid credits
//!   for one service, `sms` or `whatsapp`. The *account holder* is its mobile number and its e-mail address.
//! * *Credits* have up to three decimals and are counted in thousandths ([`credits`]); *money* is counted in its
//!   currency's minor unit ([`money`]). Both are integers.
//! * A *send* is messages that a sender has handed to the network. A *hold* is credits set aside for a batch of them.
//! * *Auto top-up* is a wallet's settings: card or transfer, threshold, quantity, enabled or not. A *top-up* is one
//!   attempt to refill by them. A *purchase* is credits bought by hand: *one-click* with a saved card, or *hosted* on the
//!   payment gateway's page. Either is paid by a *payment*; [`lifecycle`] is the one table of what can happen to them.
//!
//! # Sends
//!
//! * **S1** However often an event is delivered, and in whatever order, it debits its wallet once. A repeat is
//!   [`sends::Repeat::AlreadyDone`].
//! * **S2** A version-7 id names one event, across all accounts, for as long as the ledger's window is open; any other
//!   id names one together with `sent_at` ([`sends::ledger_key`]). The same name with another content is a conflicting
//!   duplicate ([`sends::repeat`]): parked, nothing changed.
//! * **S3** A send has happened, so it is recorded even where the balance falls below zero ([`sends::debit`]).
//! * **S4** Parked, with nothing changed: an account that nobody knows, a service without wallet, credits of 0 or less or
//!   above 1,000,000, and a `sent_at` or a version-7 id's own time outside the open window, by default 90 days back and
//!   an hour ahead ([`sends::admit`]). Closing a day (the store's work) carries its sum forward, so that A1 stays true.
//! * **S5** Before a batch goes out its sender asks leave. A cost beyond the available credits (balance less open holds)
//!   is refused whole, auto top-up or not ([`holds::leave`]). Leave is a hold, which the batch's events use up
//!   ([`holds::use_hold`]); the rest is released when the hold is closed or expires. An event without an open hold is
//!   debited all the same.
//!
//! # Trigger
//!
//! * **T1** A debit *by a send* that leaves the balance at or below the threshold of an enabled auto top-up requests a
//!   top-up, in the debit's own transaction ([`trigger::after_send`]).
//! * **T2** Every such debit asks again, but a wallet has at most one open top-up and further triggers join it. However
//!   a wallet came to be low, its next send refills it.
//! * **T3** Nothing else triggers: no transfer, adjustment, reversal, changed setting or expired hold. There is no
//!   function for them, and nobody is told that nothing happened.
//!
//! # Top-up by card
//!
//! * **C1** Between two card top-ups of one account lies the spacing, 30 minutes, counted from the moment when the earlier
//!   one settled, well or badly, by the database's clock ([`wake::next_moment`]). Purchases neither wait nor count.
//! * **C2** One that is triggered sooner is not dropped: it waits for exactly that moment, or for the earlier one if that
//!   is unsettled ([`wake::Wake::Wait`], [`wake::delay_s`]).
//! * **C3** A message only wakes a top-up; the decision is made again on the database's rows ([`wake::wake`]). Not
//!   wanted any more: skipped with the reason, nobody told.
//! * **C4** The price when it was requested is what is charged and what a result is compared with
//!   ([`topup::Topup::price`]).
//! * **C5** The intent is committed before the gateway is asked, no transaction is open meanwhile, and every further try
//!   bears the same reference ([`ids::Reference::of_topup`]). The workers see to that; [`settle::PaymentIntent`] is
//!   what was committed, and [`lifecycle`] has it go first.
//! * **C6** Success credits exactly the quantity, once, with one SMS and one e-mail ([`settle::settle`],
//!   [`notices::topup_succeeded`]).
//! * **C7** A definite failure (declined, expired, not reusable, to be confirmed by the card holder) credits nothing and
//!   tells the account holder what to do, by the kind of refusal ([`message::DeclineClass`], [`notices::topup_failed`]).
//!   So many in a row, by default 1, disable this wallet's auto top-up ([`settle::disables`]). Each is told; after one that
//!   does not disable yet, the wallet's next send asks for another top-up ([`trigger::after_send`]).
//! * **C8** No answer, or none that can be read, is *unknown* and not failed: it stays open, keeps the account's spacing and
//!   disables nothing ([`settle::Settlement::StillOpen`]). The gateway is asked about it with growing pauses
//!   ([`inquiries::after_inquiry`]). Only when it says several times in a row that it does not know the payment does the
//!   top-up wake, to be submitted again under the same reference or skipped, like any other that wakes ([`wake::wake`]).
//!   What stays undecided for too long is parked, the operators are alerted ([`notices::payment_parked`]), and a person
//!   ends it.
//! * **C9** Our own trouble (a refused key, too many requests, no network, no price listed) is nobody's failure
//!   ([`lifecycle::Event::OurTrouble`], [`wake::Wake::NotPriced`]). A shared line limits the calls to a gateway, and
//!   leaves one alone that is down; what waits for it goes on waiting ([`lines`]).
//! * **C10** A success that comes late, after a failure or while unknown, is money taken: it is credited, and auto top-up
//!   stays as it is. Nothing but a reversal undoes a success ([`lifecycle::Effect::CreditLate`]).
//! * **C11** A success of another amount, currency, reference or mode than the intent's is parked for a person
//!   ([`settle::Misfit`]). Once a day the gateway's list is compared with ours ([`reconcile::compare`]): what it knows
//!   better is settled by its word, what contradicts ours is for a person.
//! * **C12** An account may have caps: card top-ups a day, card money a month, in the platform's time zone
//!   ([`caps::cap_periods`]). At the cap a top-up is skipped, and the account holder told once per period
//!   ([`notices::cap_reached`]).
//!
//! # Top-up by transfer
//!
//! * **X1** A sub account's quantity comes from its main's wallet of the same service, in one transaction, without
//!   spacing, price or card ([`wake::Wake::Move`]).
//! * **X2** A main with too little available is a failure as in C7, told to the sub and to the main
//!   ([`wake::WakeFailure::MainShort`], [`notices::transfer_failed`]).
//! * **X3** The main's debit is no send and triggers nothing; it can raise the main's low-credit notice.
//! * **X4** Success is told to the sub's account holder ([`notices::topup_succeeded`]).
//! * **X5** Credits moved between a main and its subs by hand, and an operator's adjustments, are ledger entries
//!   ([`sends::entry_key`]) that trigger nothing and can raise a low-credit notice.
//!
//! # Settings
//!
//! All in [`settings`], whose refusals begin with their rule's number.
//!
//! * **E1** A main account: card only. A sub: card or transfer, never both at once.
//! * **E2** Card is enabled by the account itself and by nobody for it; transfer by the main.
//! * **E3** Card needs agreement to the terms and a card registered on the gateway's page, by a charge of 1.00 or the
//!   gateway's least ([`registration::charge`]), which buys no credits and is given back unless the platform keeps it.
//!   E1, E2 and E4 are asked before anything is charged, and again when it was: what they refuse by then is not enabled,
//!   with the reason, and given back all the same ([`registration::registered`]). A charge that fails disables nothing.
//!   The same wish again while a registration is open is that registration, another takes its place
//!   ([`registration::another`]). How it ended is told, by e-mail ([`notices::registration_ended`]).
//!   Transfer needs neither.
//! * **E4** When enabling and changing: current credits above the threshold, quantity at least the threshold, threshold
//!   at least 0, quantity above 0. An import checks only the figures among themselves ([`settings::check_import`]).
//! * **E5** The figures can be changed at any time, card by the account, transfer by the main, without a new card.
//! * **E6** Disabling, at any time: card by the account or its main, transfer by the main. The card's token is forgotten
//!   with it, here and at the gateway, unless 1-Click or another wallet needs it; one that a failure or a reversal
//!   disabled is kept until it is registered anew or given up. Enabling card again takes the whole procedure, transfer
//!   one step. What whoever looks at it can do, follows from why it was ([`mending::mend`]).
//! * **E7** Disabled while a top-up waits: it is skipped when it wakes ([`wake::wake`]). While a charge is with the
//!   gateway: its result settles it ([`settle::settle`] does not look at the settings).
//! * **E8** A new card is registered as in E3; the old one serves until then and is then forgotten, here and at the
//!   gateway, unless a consent to 1-Click needs it. That a card is about to run out is told in time
//!   ([`cards::is_expiring`], [`notices::card_expiring`]).
//!
//! What belongs to whom besides (looking, buying, asking leave, moving credits) is [`access`]'s: the account's own, its
//! main's, the platform's; nobody hears of an account that is none of these.
//!
//! # Low credit
//!
//! * **L1** A balance that goes from above the notice threshold to it or below it notifies the account holder, whatever
//!   debited it, auto top-up or not. A threshold of 0 is never crossed, nor is one above any balance
//!   ([`low_credit::crossed`]).
//!
//! # Purchases
//!
//! * **P1** A price list per service and currency, with quantity tiers: the tier reached prices the whole quantity, a
//!   price is rounded up to a minor unit, an amount buys the largest quantity that it covers, tax is inside and shown
//!   ([`prices`]). What is charged is what was shown: where the list was replaced meanwhile, nothing is charged, and the
//!   new price is told ([`prices::Quote::as_shown`]).
//! * **P2** A hosted purchase is paid on the gateway's page, and credited by its verified result alone. Who does not pay
//!   there in time has not bought anything ([`inquiries::AfterInquiry::NotPaidInTime`]).
//! * **P3** 1-Click: who agrees to the terms and pays once on the gateway's page has the card kept, if it can be charged
//!   again ([`cards::keepable`]); from then on it is charged at once ([`one_click::may_charge`]). Withdrawn, the token is
//!   forgotten, here and at the gateway, when no other consent needs it.
//! * **P4** A purchase's result follows C6, C8, C10 and C11. A challenge leads the customer to the gateway's page. A success
//!   is receipted, a failure told by e-mail, and it disables nothing ([`lifecycle::PaymentKind`],
//!   [`notices::purchase_succeeded`], [`notices::purchase_failed`]). One that the gateway does not know has failed: no card
//!   is charged long after its customer has left.
//! * **P5** Consent to 1-Click and consent to auto top-up are two, even for the same card.
//!
//! # Reversals
//!
//! * **V1** A refund or a lost dispute takes back the credits that it paid for: each once, together never more than was
//!   captured, and of the credits always quantity × given back ÷ captured, rounded down, below zero if need be
//!   ([`settle::TakeBack`]). It disables card auto top-up of all the account's wallets and is told
//!   ([`notices::payment_reversed`]). An open dispute holds the credits that it may take ([`settle::Settlement::Hold`]) and
//!   alerts the operators; one that ends without taking them releases them. What is told of a payment that has not
//!   succeeded here waits for that success ([`lifecycle::Step::Later`]), unless a later look finds it taken and given back
//!   ([`settle::Settlement::CameAndWent`]). A refund that was asked for and is not made takes nothing and alerts the
//!   operators ([`settle::Settlement::NotGivenBack`]).
//!
//! # Notices
//!
//! * **N1** One request for each event and channel, recorded with the change that caused it, with a stable id
//!   ([`notices::NoticeDraft::id`]); it is delivered at least once.
//! * **N2** A channel that fails is tried again with growing pauses, apart from the other channel, and parked after the
//!   last try ([`retry::RetryPolicy`]).
//! * **N3** Without a mobile number or an e-mail address the other channel serves ([`notices::route`]). What concerns a
//!   purchase or a card's registration goes by e-mail, and an alert to the operators' own address.
//! * **N4** Texts come from templates in the account's language, in English where there is none of it
//!   ([`language::Language`]), an alert in the operators' ([`notices::language`]); an SMS fits 160 characters where its
//!   values allow; an e-mail has text and HTML. Not here: the gateways crate has the texts, this one their values.
//!
//! # Always true
//!
//! What the audit checks, on the database, whatever happened before; not decided here, but what the decisions are for.
//!
//! * **A1** Every wallet's balance is the sum of its ledger entries, and inside the open window entries stay as they are.
//! * **A2** Transfers sum to zero; credits from top-ups and purchases are those that succeeded payments paid for, less
//!   reversals.
//! * **A3** At most one capture for a reference, at most one open top-up for a wallet, and card top-ups of one account at
//!   least the spacing apart.
//! * **A4** Every event that a queue ever took is in the ledger, waiting, or parked with a reason.
//! * **A5** Every settled top-up, purchase and registration has its notices, every failure its disablement.
//! * **A6** After a disablement no intent is committed and no reference submitted again.

pub mod access;
pub mod account;
pub mod caps;
pub mod cards;
pub mod charge;
pub mod credits;
mod decimal;
pub mod entries;
pub mod events;
pub mod holds;
pub mod ids;
pub mod inquiries;
mod json;
pub mod language;
pub mod lifecycle;
pub mod lines;
pub mod low_credit;
pub mod mending;
pub mod message;
pub mod money;
mod names;
pub mod notices;
pub mod one_click;
pub mod passwords;
pub mod personal;
pub mod phrases;
pub mod prices;
mod reading;
pub mod reconcile;
pub mod registration;
pub mod retry;
pub mod sends;
pub mod settings;
pub mod settle;
pub mod standing;
pub mod topup;
pub mod trigger;
pub mod wake;
pub mod written;

pub use decimal::DecimalError;
