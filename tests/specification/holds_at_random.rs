//! S5: whatever is asked leave for, by however many at once: never more is set aside than there is, each batch has leave
//! once, and many that are answered together hear what they would have heard one by one.

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_store::{HoldClose, HoldGrant, HoldWanted};
use topup_tests::{Draw, Library, account_id, main_account, sms_wallet};
use uuid::Uuid;

/// Every run is one of these again.
const SEEDS: [u64; 4] = [1, 20_261_122, 0xC0FF_EE00, 0xDEAD_BEEF];
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Transactions of one run, and how many ask in one at most.
const ROUNDS: usize = 60;
const TOGETHER_MAX: usize = 24;
/// So few names that most are asked for again.
const NAMES: usize = 40;

/// What was answered, without the time that the database alone knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Granted,
    Again,
    Ended,
    Conflicting,
    Missing(i64),
    NotPositive,
    NoWallet,
}

fn told(grant: &HoldGrant) -> Told {
    match grant {
        HoldGrant::Granted { .. } => Told::Granted,
        HoldGrant::AlreadyGranted { .. } => Told::Again,
        HoldGrant::AlreadyEnded => Told::Ended,
        HoldGrant::Conflicting => Told::Conflicting,
        HoldGrant::Refused { missing } => Told::Missing(missing.milli()),
        HoldGrant::NotPositive => Told::NotPositive,
        HoldGrant::NoWallet => Told::NoWallet,
    }
}

/// A second, plain telling of S5, one ask after the other.
#[derive(Default)]
struct Model {
    available_milli: BTreeMap<WalletKey, i64>,
    holds: BTreeMap<(AccountId, Uuid), ModelHold>,
}

struct ModelHold {
    service: Service,
    milli: i64,
    open: bool,
}

impl Model {
    fn ask(&mut self, wanted: &HoldWanted) -> Told {
        let milli = wanted.credits.milli();
        let Some(available) = self.available_milli.get_mut(&wanted.wallet) else {
            return Told::NoWallet;
        };
        if milli <= 0 {
            return Told::NotPositive;
        }
        let name = (wanted.wallet.account, wanted.batch_id);
        if let Some(hold) = self.holds.get(&name) {
            return if hold.service != wanted.wallet.service || hold.milli != milli {
                Told::Conflicting
            } else if hold.open {
                Told::Again
            } else {
                Told::Ended
            };
        }
        if *available < milli {
            return Told::Missing(milli - *available);
        }
        *available -= milli;
        let hold = ModelHold {
            service: wanted.wallet.service,
            milli,
            open: true,
        };
        self.holds.insert(name, hold);
        Told::Granted
    }

    /// What is given back; `None` where there is nothing to close.
    fn close(&mut self, account: AccountId, batch: Uuid) -> Option<i64> {
        let hold = self.holds.get_mut(&(account, batch)).filter(|hold| hold.open)?;
        hold.open = false;
        let wallet = WalletKey {
            account,
            service: hold.service,
        };
        *self.available_milli.entry(wallet).or_default() += hold.milli;
        Some(hold.milli)
    }
}

/// Wallets with a little in them, and one that is not there.
fn wallets() -> Vec<WalletKey> {
    let of = |account, service| WalletKey {
        account: account_id(account),
        service,
    };
    vec![
        of(1001, Service::Sms),
        of(1001, Service::Whatsapp),
        of(1002, Service::Sms),
        of(1003, Service::Sms),
        of(1002, Service::Whatsapp),
    ]
}

async fn library() -> Result<(Library, Model)> {
    let library = Library::with(&[
        main_account(1001).credits(200).whatsapp().credits("50.5"),
        main_account(1002).credits(0),
        main_account(1003).credits(1_000),
    ])
    .await?;
    let given = [200_000, 50_500, 0, 1_000_000];
    let model = Model {
        available_milli: wallets().into_iter().zip(given).collect(),
        ..Model::default()
    };
    Ok((library, model))
}

fn wanted(draw: &mut Draw, names: &[Uuid]) -> HoldWanted {
    let wallets = wallets();
    let milli = match draw.below(12) {
        0 => 0,
        1 => -1,
        // So few amounts that a name is often asked for again with the same.
        many => 2_500 * i64::try_from(many % 4 + 1).unwrap_or(1),
    };
    HoldWanted {
        wallet: wallets[draw.below(wallets.len())],
        batch_id: names[draw.below(names.len())],
        credits: Credits::from_milli(milli),
        ttl: HOUR,
    }
}

#[tokio::test]
async fn many_that_are_answered_together_hear_what_they_would_have_heard_one_by_one() -> Result<()> {
    for seed in SEEDS {
        one_run(seed).await.with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}

async fn one_run(seed: u64) -> Result<()> {
    let (library, mut model) = library().await?;
    let mut draw = Draw(seed);
    let mut names: Vec<Uuid> = (0..NAMES).map(|_| Uuid::now_v7()).collect();
    for round in 0..ROUNDS {
        let asks: Vec<HoldWanted> = (0..1 + draw.below(TOGETHER_MAX))
            .map(|_| wanted(&mut draw, &names))
            .collect();
        let expected: Vec<Told> = asks.iter().map(|ask| model.ask(ask)).collect();
        let answers: Vec<Told> = library.store.grant_holds(&asks).await?.iter().map(told).collect();
        assert_eq!(answers, expected, "round {round}: {asks:#?}");
        // Now and then a batch is through, and a new name comes up.
        let (account, name) = (account_id(1001), draw.below(NAMES));
        let closed = library.store.close_hold(account, names[name]).await?;
        match model.close(account, names[name]) {
            Some(milli) => assert_eq!(
                closed,
                HoldClose::Closed {
                    released: Credits::from_milli(milli)
                }
            ),
            None => assert!(!matches!(closed, HoldClose::Closed { .. }), "{closed:?}"),
        }
        if draw.below(3) == 0 {
            names[name] = Uuid::now_v7();
        }
    }
    assert_eq!(available(&library).await?, model.available_milli);
    library.audit_is_clean().await
}

/// What each wallet has left, where there is such an account.
async fn available(library: &Library) -> Result<BTreeMap<WalletKey, i64>> {
    let mut available = BTreeMap::new();
    for account in [1001, 1002, 1003] {
        let view = library.store.account_view(account_id(account)).await?;
        for wallet in view.map(|view| view.wallets).unwrap_or_default() {
            let key = WalletKey {
                account: account_id(account),
                service: wallet.service,
            };
            available.insert(key, wallet.available.milli());
        }
    }
    Ok(available)
}

/// Clients at once, and transactions of each: the same names come from several of them.
const CLIENTS: usize = 12;
const ASKS: usize = 30;

#[tokio::test]
async fn many_clients_of_one_wallet_at_once_never_set_more_aside_than_there_is() -> Result<()> {
    for seed in SEEDS {
        let library = Library::with(&[main_account(1001).credits(500)]).await?;
        let names: Vec<Uuid> = (0..200).map(|_| Uuid::now_v7()).collect();
        let clients = (0..CLIENTS).map(|client| one_client(&library, &names, seed + (client as u64) * 7_919));
        let answers = try_join_all(clients).await?;
        let granted: Vec<(Uuid, i64)> = answers.into_iter().flatten().collect();
        let once: BTreeSet<Uuid> = granted.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            once.len(),
            granted.len(),
            "seed {seed}: a batch was granted twice"
        );
        let milli: i64 = granted.iter().map(|(_, milli)| milli).sum();
        assert!(milli <= 500_000, "seed {seed}: {milli} of 500,000 were granted");
        let left = available(&library).await?.remove(&sms_wallet(1001));
        assert_eq!(left, Some(500_000 - milli), "seed {seed}");
        // There was more to be had than there is, so that somebody was refused.
        assert!(milli > 490_000, "seed {seed}: only {milli} were granted");
        library.audit_is_clean().await?;
    }
    Ok(())
}

/// Asks for several at a time, and looks in between. Returns what it was granted.
async fn one_client(library: &Library, names: &[Uuid], seed: u64) -> Result<Vec<(Uuid, i64)>> {
    let mut draw = Draw(seed);
    let mut granted = Vec::new();
    for _ in 0..ASKS {
        let asks: Vec<HoldWanted> = (0..1 + draw.below(6))
            .map(|_| HoldWanted {
                wallet: sms_wallet(1001),
                batch_id: names[draw.below(names.len())],
                credits: Credits::from_milli(1_000 * i64::try_from(1 + draw.below(9)).unwrap_or(1)),
                ttl: HOUR,
            })
            .collect();
        let answers = library.store.grant_holds(&asks).await?;
        for (ask, answer) in asks.iter().zip(&answers) {
            if matches!(answer, HoldGrant::Granted { .. }) {
                granted.push((ask.batch_id, ask.credits.milli()));
            }
        }
        let view = library.store.account_view(account_id(1001)).await?;
        let left = view.context("the account")?.wallets[0].available;
        ensure!(left.milli() >= 0, "{left} are available");
    }
    Ok(granted)
}
