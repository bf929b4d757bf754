//! Publishes outbox rows right after the commit that wrote them, and removes them when the broker has confirmed.
//!
//! A shortcut, not a promise: what does not fit in here, or can't be published now, stays in its table and is found
//! by the sweeper, which uses [`Outbox::publish_all`]. A row published twice is one repeated message, which its
//! receiver recognises.

use crate::broker::{Outgoing, Publisher};
use crate::telemetry::{self, traces};
use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use topup_failpoints::{Point, reach};
use topup_store::{OutboxMessage, Store};
use tracing::{debug, warn};

/// Rows in here at once, at most: a few batches' worth.
const ROWS_MAX: usize = 10_000;
/// Rows published at once, at most.
const PUBLISHES_MAX: usize = 256;
/// Rows removed by one statement, at most.
const REMOVE_MAX: usize = 1_000;

/// A row and its share of [`ROWS_MAX`].
type Waiting = (OutboxMessage, OwnedSemaphorePermit);

/// Hands rows to the background. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    store: Store,
    publisher: Publisher,
    room: Arc<Semaphore>,
    rows: Arc<Mutex<Option<mpsc::UnboundedSender<Waiting>>>>,
}

impl Outbox {
    /// Starts the background task. It ends when no more rows are taken and all that were are dealt with.
    #[must_use]
    pub fn start(store: Store, publisher: Publisher) -> (Self, JoinHandle<()>) {
        let (rows, taken) = mpsc::unbounded_channel();
        let (confirmed, to_remove) = mpsc::unbounded_channel();
        let outbox = Self {
            store: store.clone(),
            publisher: publisher.clone(),
            // The channels have no bound of their own: this is it.
            room: Arc::new(Semaphore::new(ROWS_MAX)),
            rows: Arc::new(Mutex::new(Some(rows))),
        };
        let task = tokio::spawn(async move {
            let removing = tokio::spawn(remove_confirmed(store, to_remove));
            publish_rows(publisher, taken, confirmed).await;
            let _ended = removing.await;
        });
        (outbox, task)
    }

    /// Takes the rows of a change that was just committed. Never waits: what does not fit is left to the sweeper.
    pub fn send(&self, rows: Vec<OutboxMessage>) {
        traces::leads_to(&rows);
        let total = rows.len();
        let sender = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut taken = 0;
        if let Some(sender) = sender {
            for row in rows {
                let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
                    break;
                };
                if sender.send((row, permit)).is_err() {
                    break;
                }
                taken += 1;
            }
        }
        if taken < total {
            telemetry::outbox_rows("left", total - taken);
            warn!(
                rows = total - taken,
                "the outbox is full: the sweeper publishes these rows"
            );
        }
    }

    /// Publishes rows now and removes those that were confirmed; for the sweeper. Returns how many there were.
    pub async fn publish_all(&self, rows: Vec<OutboxMessage>) -> usize {
        let confirmed: Vec<i64> = stream::iter(rows)
            .map(|row| publish_row(&self.publisher, row))
            .buffer_unordered(PUBLISHES_MAX)
            .filter_map(|id| async move { id })
            .collect()
            .await;
        for ids in confirmed.chunks(REMOVE_MAX) {
            remove(&self.store, ids).await;
        }
        confirmed.len()
    }

    /// Takes no more rows.
    pub(crate) fn close(&self) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

async fn publish_rows(
    publisher: Publisher,
    mut taken: mpsc::UnboundedReceiver<Waiting>,
    confirmed: mpsc::UnboundedSender<(i64, OwnedSemaphorePermit)>,
) {
    let mut publishes = FuturesUnordered::new();
    let mut open = true;
    while open || !publishes.is_empty() {
        tokio::select! {
            row = taken.recv(), if open && publishes.len() < PUBLISHES_MAX => match row {
                Some((row, permit)) => {
                    let publisher = &publisher;
                    publishes.push(async move { Some((publish_row(publisher, row).await?, permit)) });
                }
                None => open = false,
            },
            Some(done) = publishes.next() => {
                // The remover ends after this loop; a row that it misses is published again by the sweeper.
                if let Some(done) = done {
                    let _left = confirmed.send(done);
                }
            }
        }
    }
}

/// The row's number when the broker has it.
async fn publish_row(publisher: &Publisher, row: OutboxMessage) -> Option<i64> {
    let id = row.id;
    match publisher.publish(&Outgoing::from(row)).await {
        Ok(()) => {
            telemetry::outbox_rows("published", 1);
            Some(id)
        }
        Err(error) => {
            telemetry::outbox_rows("left", 1);
            debug!(outbox.id = id, %error, "a row stays in the outbox for the sweeper");
            None
        }
    }
}

async fn remove_confirmed(store: Store, mut confirmed: mpsc::UnboundedReceiver<(i64, OwnedSemaphorePermit)>) {
    let mut group = Vec::new();
    while confirmed.recv_many(&mut group, REMOVE_MAX).await > 0 {
        let ids: Vec<i64> = group.iter().map(|(id, _)| *id).collect();
        remove(&store, &ids).await;
        group.clear();
    }
}

async fn remove(store: &Store, ids: &[i64]) {
    match store.outbox_remove(ids).await {
        Ok(()) => reach(Point::OutboxRemoved),
        // Published again by the sweeper, which is a repeat and no harm.
        Err(error) => warn!(rows = ids.len(), %error, "published rows could not be removed from the outbox"),
    }
}
