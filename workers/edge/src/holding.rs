//! Leave to send, asked for by many at once (S5).
//!
//! A commit costs the same for one and for hundreds, so whoever asks while others are being answered goes with the next
//! ones, all in one transaction. Whoever asks while nothing is in hand goes at once. No two transactions in hand touch
//! the same wallet: an account that asks without pause, or whose wallet somebody else keeps locked, holds up one of them
//! and no other account for long.
//!
//! A batch's name is its key, so nothing here has to be remembered: whoever did not hear the answer asks again. Leave
//! given to somebody who is gone is a hold that expires.
//!
//! Deliberately absent: waiting for company, HTTP, deciding anything.

use futures_util::{StreamExt as _, stream};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use topup_rules::ids::WalletKey;
use topup_store::{HoldGrant, HoldWanted, Store, StoreError};

/// Those who ask and were not answered yet, at most; further ones are told to come again.
const WAITING_MAX: usize = 1_024;
/// Answered in one transaction, at most.
const TOGETHER_MAX: usize = 256;
/// Transactions at once: while one waits for its commit, the next works.
const TRANSACTIONS_MAX: usize = 2;
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Why there is no answer. Whoever asked may ask again: what was granted unheard is granted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// Too many wait already.
    Busy,
    /// None came in time.
    Late,
    /// The database is away, or somebody else has the wallet.
    Unavailable,
    /// A mistake of ours.
    Broken,
}

/// Where leave is asked for. Those who ask at once are answered together.
#[derive(Debug)]
pub struct Holding {
    asks: mpsc::UnboundedSender<Ask>,
    /// Bounds what is in the channel, and what was taken out of it.
    room: Arc<Semaphore>,
}

type Answer = Result<HoldGrant, NoAnswer>;

#[derive(Debug)]
struct Ask {
    wanted: HoldWanted,
    answer: oneshot::Sender<Answer>,
    /// Given back with the answer.
    _room: OwnedSemaphorePermit,
}

impl Holding {
    /// Begins to answer, in a task of its own, until this is dropped.
    #[must_use]
    pub fn start(store: Store) -> Self {
        let (asks, received) = mpsc::unbounded_channel();
        tokio::spawn(dispatch(store, received));
        Self {
            asks,
            room: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }

    /// S5: asks leave for one batch.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn ask(&self, wanted: HoldWanted) -> Result<HoldGrant, NoAnswer> {
        let room = Arc::clone(&self.room);
        let room = room.try_acquire_owned().map_err(|_full| NoAnswer::Busy)?;
        let (answer, answered) = oneshot::channel();
        let ask = Ask {
            wanted,
            answer,
            _room: room,
        };
        self.asks.send(ask).map_err(|_stopped| NoAnswer::Busy)?;
        match tokio::time::timeout(ANSWER_MAX, answered).await {
            Ok(Ok(answer)) => answer,
            // By a transaction that broke down.
            Ok(Err(_unheard)) => Err(NoAnswer::Broken),
            Err(_elapsed) => Err(NoAnswer::Late),
        }
    }
}

/// Brings those who ask together.
async fn dispatch(store: Store, mut asks: mpsc::UnboundedReceiver<Ask>) {
    let mut waiting = VecDeque::new();
    let mut in_hand = InHand::default();
    let mut received = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = in_hand.one_ends(), if !in_hand.is_empty() => {}
            count = asks.recv_many(&mut received, WAITING_MAX) => {
                if count == 0 {
                    break;
                }
                waiting.extend(received.drain(..));
            }
        }
        while in_hand.has_room() {
            let together = in_hand.take_from(&mut waiting);
            if together.is_empty() {
                break;
            }
            in_hand.begin(store.clone(), together);
        }
    }
}

/// The transactions in hand, and whose wallets they are about.
#[derive(Default)]
struct InHand {
    tasks: JoinSet<()>,
    wallets: HashMap<Id, HashSet<WalletKey>>,
}

impl InHand {
    fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    fn has_room(&self) -> bool {
        self.tasks.len() < TRANSACTIONS_MAX
    }

    /// Those of whom nobody is in hand, in the order in which they came. Who does not listen any more is not asked for.
    fn take_from(&self, waiting: &mut VecDeque<Ask>) -> Vec<Ask> {
        let is_in_hand = |wallet: &WalletKey| self.wallets.values().any(|wallets| wallets.contains(wallet));
        let mut together = Vec::new();
        let mut later = VecDeque::new();
        while together.len() < TOGETHER_MAX
            && let Some(ask) = waiting.pop_front()
        {
            if ask.answer.is_closed() {
                continue;
            }
            if is_in_hand(&ask.wanted.wallet) {
                later.push_back(ask);
            } else {
                together.push(ask);
            }
        }
        later.append(waiting);
        *waiting = later;
        together
    }

    fn begin(&mut self, store: Store, together: Vec<Ask>) {
        let wallets = together.iter().map(|ask| ask.wanted.wallet).collect();
        let task = self.tasks.spawn(answer(store, together));
        self.wallets.insert(task.id(), wallets);
    }

    /// Whether it went well or broke down: those who asked hear of it either way.
    async fn one_ends(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(broken)) => broken.id(),
            None => return,
        };
        self.wallets.remove(&id);
    }
}

/// Answers all of them in one transaction; where that fails for what one of them asks, one by one.
async fn answer(store: Store, together: Vec<Ask>) {
    let wanted: Vec<HoldWanted> = together.iter().map(|ask| ask.wanted).collect();
    match store.grant_holds(&wanted).await {
        Ok(grants) => {
            for (ask, grant) in together.into_iter().zip(grants) {
                tell(ask, Ok(grant));
            }
        }
        Err(error) if error.is_outage() || together.len() == 1 => {
            // It would be the same for each alone, and take as long.
            let why = logged(&error, together.len());
            for ask in together {
                tell(ask, Err(why));
            }
        }
        Err(error) => {
            tracing::warn!(%error, count = together.len(), "leave to send is asked for one by one");
            one_by_one(&store, together).await;
        }
    }
}

/// Wallet by wallet at once, so that one that nobody can get at holds up nobody else.
async fn one_by_one(store: &Store, together: Vec<Ask>) {
    let mut by_wallet: HashMap<WalletKey, Vec<Ask>> = HashMap::new();
    for ask in together {
        by_wallet.entry(ask.wanted.wallet).or_default().push(ask);
    }
    let of_one = |asks: Vec<Ask>| async move {
        for ask in asks {
            if ask.answer.is_closed() {
                continue;
            }
            let HoldWanted {
                wallet,
                batch_id,
                credits,
                ttl,
            } = ask.wanted;
            let granted = store.grant_hold(wallet, batch_id, credits, ttl).await;
            tell(ask, granted.map_err(|error| logged(&error, 1)));
        }
    };
    stream::iter(by_wallet.into_values())
        .for_each_concurrent(TRANSACTIONS_MAX, of_one)
        .await;
}

/// Written down here, once for all whom it concerns.
fn logged(error: &StoreError, count: usize) -> NoAnswer {
    if error.is_outage() || error.is_too_slow() {
        tracing::warn!(%error, count, "leave to send could not be answered");
        NoAnswer::Unavailable
    } else {
        tracing::error!(%error, count, "leave to send could not be answered");
        NoAnswer::Broken
    }
}

/// Whoever is gone has a hold that expires.
fn tell(ask: Ask, answer: Answer) {
    let _gone = ask.answer.send(answer);
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use topup_rules::credits::Credits;
    use topup_rules::ids::{AccountId, Service};
    use uuid::Uuid;

    fn wallet(account: i64) -> WalletKey {
        WalletKey {
            account: AccountId::new(account).expect("a positive id"),
            service: Service::Sms,
        }
    }

    /// Those who ask, of these accounts in this order; and where they listen.
    fn asking(accounts: &[i64]) -> (VecDeque<Ask>, Vec<oneshot::Receiver<Answer>>) {
        let room = Arc::new(Semaphore::new(accounts.len()));
        let ask = |account: &i64| {
            let (answer, answered) = oneshot::channel();
            let wanted = HoldWanted {
                wallet: wallet(*account),
                batch_id: Uuid::now_v7(),
                credits: Credits::from_milli(1),
                ttl: SignedDuration::from_secs(1),
            };
            let room = Arc::clone(&room).try_acquire_owned().expect("room for all");
            (
                Ask {
                    wanted,
                    answer,
                    _room: room,
                },
                answered,
            )
        };
        accounts.iter().map(ask).unzip()
    }

    fn accounts<'a>(asks: impl IntoIterator<Item = &'a Ask>) -> Vec<i64> {
        let of = |ask: &Ask| ask.wanted.wallet.account.get();
        asks.into_iter().map(of).collect()
    }

    #[tokio::test]
    async fn whose_wallet_is_in_hand_waits_and_others_go_in_their_order() {
        let mut in_hand = InHand::default();
        let (mut waiting, _listening) = asking(&[1, 2, 1, 3]);
        let task = in_hand.tasks.spawn(async {});
        in_hand.wallets.insert(task.id(), HashSet::from([wallet(1)]));
        assert_eq!(accounts(&in_hand.take_from(&mut waiting)), [2, 3]);
        assert_eq!(accounts(&waiting), [1, 1]);
        assert!(in_hand.take_from(&mut waiting).is_empty());
        in_hand.one_ends().await;
        assert_eq!(accounts(&in_hand.take_from(&mut waiting)), [1, 1]);
    }

    #[tokio::test]
    async fn a_transaction_that_breaks_down_gives_its_wallets_back() {
        let mut in_hand = InHand::default();
        let task = in_hand.tasks.spawn(async { panic!("a mistake of ours") });
        in_hand.wallets.insert(task.id(), HashSet::from([wallet(1)]));
        in_hand.one_ends().await;
        assert!(in_hand.is_empty() && in_hand.wallets.is_empty());
    }

    #[test]
    fn whoever_is_gone_is_not_asked_for_and_no_transaction_takes_too_many() {
        let in_hand = InHand::default();
        let (mut waiting, mut listening) = asking(&[1, 2, 3]);
        drop(listening.remove(1));
        assert_eq!(accounts(&in_hand.take_from(&mut waiting)), [1, 3]);
        let many: Vec<i64> = (0..i64::try_from(TOGETHER_MAX).expect("small") + 5)
            .map(|n| n + 1)
            .collect();
        let (mut waiting, _listening) = asking(&many);
        assert_eq!(in_hand.take_from(&mut waiting).len(), TOGETHER_MAX);
        assert_eq!(waiting.len(), 5);
    }

    #[tokio::test]
    async fn more_than_there_is_room_for_are_told_to_come_again() {
        let (asks, mut received) = mpsc::unbounded_channel();
        let holding = Holding {
            asks,
            room: Arc::new(Semaphore::new(1)),
        };
        let (mut first, _listening) = asking(&[1]);
        let wanted = first.pop_front().expect("one").wanted;
        let asked = holding.ask(wanted);
        let answered = async {
            assert_eq!(holding.ask(wanted).await, Err(NoAnswer::Busy));
            let ask: Ask = received.recv().await.expect("who asks");
            tell(ask, Ok(HoldGrant::NotPositive));
        };
        let (told, ()) = tokio::join!(asked, answered);
        assert_eq!(told, Ok(HoldGrant::NotPositive));
        // And there is room again.
        assert_eq!(holding.room.available_permits(), 1);
    }
}
