//! What a verdict is made of, looked up: the wallets as they stand, who is at work, what is paused, what was parked.
//!
//! The database has to answer. The broker is asked within a bound; where it does not answer, that is said, and the
//! verdict is made without it.

use crate::chain;
use crate::dead::{OfAccount, of_account};
use crate::fleet::Fleet;
use crate::pause::SILENT_S;
use anyhow::Context as _;
use std::time::Duration;
use tokio::time::timeout;
use topup_rules::account::{AutoTopup, AutoTopupSettings};
use topup_rules::ids::AccountId;
use topup_rules::standing::{Facts, Judgement, LastFacts, OpenFacts, Stage, StageFacts, judge};
use topup_rules::topup::TopupState;
use topup_rules::wake::SkipReason;
use topup_store::{AccountView, ProcessRow, QueuePause, Store, TopupFilter, TopupView, WalletView};

/// How long the broker may take.
const BROKER_MAX: Duration = Duration::from_secs(10);
/// Newest top-ups among which the last one of a wallet is looked for.
const LAST_TOPUPS: i64 = 50;

/// Everything that was found.
pub(super) struct Look {
    pub(super) account: Option<AccountView>,
    pub(super) parked: OfAccount,
    /// What could not be looked at.
    pub(super) problems: Vec<String>,
    topups: Vec<TopupView>,
    pub(super) pauses: Vec<QueuePause>,
    processes: Vec<ProcessRow>,
    now: jiff::Timestamp,
}

/// A wallet, and why it was not topped up.
pub(super) struct Judged<'a> {
    pub(super) wallet: &'a WalletView,
    pub(super) open: Option<&'a TopupView>,
    pub(super) last: Option<&'a TopupView>,
    pub(super) judgement: Judgement,
}

impl Look {
    /// Looks at the account.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn at(fleet: &Fleet, store: &Store, id: AccountId) -> anyhow::Result<Self> {
        let (parked, found) = tokio::join!(timeout(BROKER_MAX, parked(fleet, id)), find(store, id));
        let mut look = found?;
        match parked {
            Ok(Ok(parked)) => look.parked = parked,
            Ok(Err(error)) => look.problems.push(format!("broker: {}", chain(&error))),
            Err(_late) => look.problems.push("broker: no answer in time".to_owned()),
        }
        if look.problems.is_empty() {
            for queue in &look.parked.looked_at_in_part {
                look.problems.push(format!(
                    "{queue}: only the oldest messages were looked at; `fleetctl dead list --queue {}` looks at all",
                    queue.trim_end_matches(".dead")
                ));
            }
        }
        Ok(look)
    }

    /// Each wallet's verdict.
    pub(super) fn judged(&self) -> Vec<Judged<'_>> {
        let wallets = self.account.iter().flat_map(|account| &account.wallets);
        wallets.map(|wallet| self.judge(wallet)).collect()
    }

    fn judge<'a>(&'a self, wallet: &'a WalletView) -> Judged<'a> {
        let mut of_wallet = self.topups.iter().filter(|topup| topup.service == wallet.service);
        let open = wallet.open_topup.as_ref();
        let open = open.and_then(|open| self.topups.iter().find(|topup| topup.topup_id == open.topup_id));
        let last = of_wallet.find(|topup| !topup.state.is_open());
        let auto_topup = auto_topup(wallet);
        let stage = |stage| self.stage(stage);
        let facts = Facts {
            auto_topup: &auto_topup,
            balance: wallet.credits,
            open: open.map(|topup| OpenFacts {
                state: topup.state,
                due_at: topup.due_at,
                waits_for: topup.waits_for,
            }),
            last: last.map(|topup| LastFacts {
                state: topup.state,
                at_cap: topup.state == TopupState::Skipped
                    && topup.reason.as_deref().is_some_and(SkipReason::is_cap),
            }),
            sends: stage(Stage::Sends),
            requests: stage(Stage::Requests),
            results: stage(Stage::Results),
            questions: stage(Stage::Questions),
            now: self.now,
        };
        Judged {
            wallet,
            open,
            last,
            judgement: judge(&facts),
        }
    }

    /// Parked messages count for each wallet of their account.
    fn stage(&self, stage: Stage) -> StageFacts {
        let name = stage.name();
        let parked = self.parked_at(stage).count();
        StageFacts {
            parked: u32::try_from(parked).unwrap_or(u32::MAX),
            is_paused: self.pauses.iter().any(|pause| pause.queue == name),
            is_staffed: self
                .processes
                .iter()
                .any(|process| process.name == name && process.silent_s <= SILENT_S),
        }
    }

    /// The account's messages that were parked at a stage.
    pub(super) fn parked_at(&self, stage: Stage) -> impl Iterator<Item = &crate::dead::Parked> {
        let parked = self.parked.messages.iter();
        parked.filter(move |message| message.queue.strip_suffix(".dead") == Some(stage.name()))
    }
}

async fn parked(fleet: &Fleet, id: AccountId) -> anyhow::Result<OfAccount> {
    let broker = fleet.broker().await?;
    let found = of_account(&broker, id).await;
    broker.close().await;
    found
}

async fn find(store: &Store, id: AccountId) -> anyhow::Result<Look> {
    let filter = TopupFilter {
        account: Some(id),
        state: None,
    };
    let mut topups = store.topups(filter, LAST_TOPUPS).await?;
    let account = store.account_view(id).await?;
    let open = account.iter().flat_map(|account| &account.wallets);
    for open in open.filter_map(|wallet| wallet.open_topup.as_ref()) {
        // One that has been open for longer than all the others together.
        if !topups.iter().any(|topup| topup.topup_id == open.topup_id) {
            topups.extend(store.topup(open.topup_id).await?);
        }
    }
    Ok(Look {
        account,
        parked: OfAccount::default(),
        problems: Vec::new(),
        topups,
        pauses: store.paused_queues().await?,
        processes: store
            .processes()
            .await
            .context("`fleetctl migrate` may be needed")?,
        now: jiff::Timestamp::now(),
    })
}

fn auto_topup(wallet: &WalletView) -> AutoTopup {
    let Some(view) = &wallet.auto_topup else {
        return AutoTopup::Off;
    };
    let settings = AutoTopupSettings {
        method: view.method,
        threshold: view.threshold,
        quantity: view.quantity,
    };
    if view.enabled {
        AutoTopup::Enabled(settings)
    } else {
        AutoTopup::Disabled {
            settings,
            reason: view.disabled_reason.clone().unwrap_or_default(),
        }
    }
}
