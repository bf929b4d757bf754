//! One look at broker and database.

use crate::chain;
use crate::fleet::Fleet;
use crate::pause::SILENT_S;
use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;
use topup_runtime::Settings;
use topup_runtime::broker::admin::Admin;
use topup_runtime::broker::connections::{Connected, connected};
use topup_runtime::broker::delay::{LEVELS, UNROUTABLE as DELAY_UNROUTABLE, level_name};
use topup_runtime::broker::management::with_management;
use topup_runtime::broker::topology::{UNROUTABLE, WORK_QUEUES, dead_queue};
use topup_store::{ProcessRow, QueuePause, Store};

/// How long broker or database may take.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// Everything that is shown.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    /// By this machine's clock.
    pub(super) at: Timestamp,
    /// What could not be looked at; empty where all was.
    pub(super) problems: Vec<String>,
    pub(super) queues: Vec<QueueStatus>,
    /// Messages in all levels of the delay topology together; `null`: not known.
    pub(super) delayed: Option<u32>,
    /// Messages that no queue took, by where they are kept.
    pub(super) unroutable: BTreeMap<&'static str, Option<u32>>,
    pub(super) workers: Vec<WorkerStatus>,
    /// Edges that are connected to the broker: they have no database to say it in. `null`: the broker's management
    /// interface can't be asked, which is no problem of the fleet's.
    pub(super) edges: Option<Vec<Connected>>,
    pub(super) waiting: Option<Waiting>,
}

/// A work queue. What is `null` is not known.
#[derive(Debug, Default, Serialize)]
pub(crate) struct QueueStatus {
    pub(super) queue: &'static str,
    pub(super) ready: Option<u32>,
    pub(super) consumers: Option<u32>,
    pub(super) dead: Option<u32>,
    /// Workers that are alive, resting ones included.
    pub(super) workers: usize,
    /// Messages a second that they deal with.
    pub(super) per_s: f32,
    pub(super) paused: Option<PauseStatus>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PauseStatus {
    pub(super) paused_at: Timestamp,
    pub(super) ends_at: Option<Timestamp>,
    pub(super) who: String,
    pub(super) reason: String,
}

/// A process that said that it is alive.
#[derive(Debug, Serialize)]
pub(crate) struct WorkerStatus {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) host: String,
    pub(super) pid: i32,
    pub(super) state: String,
    pub(super) why: Option<String>,
    /// It said so a moment ago.
    pub(super) alive: bool,
    pub(super) silent_s: f64,
    pub(super) started_at: Timestamp,
    pub(super) handled: i64,
    pub(super) per_s: f32,
    /// Of the database's; `null`: not known.
    pub(super) clock_ahead_s: Option<f64>,
}

/// What waits in the database.
#[derive(Debug, Serialize)]
pub(crate) struct Waiting {
    pub(super) outbox_rows: i64,
    pub(super) outbox_oldest_s: f64,
    /// Top-ups that were not taken up yet.
    pub(super) topups: i64,
    pub(super) topups_oldest_s: f64,
    pub(super) topups_overdue: i64,
    pub(super) topups_overdue_s: f64,
    pub(super) topups_open: Vec<Open>,
    pub(super) payments_open: Vec<Open>,
}

/// Top-ups or payments of one state.
#[derive(Debug, Serialize)]
pub(crate) struct Open {
    /// Of payments: what they are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    pub(super) state: String,
    pub(super) count: i64,
    pub(super) oldest_s: i64,
}

/// Looks, again and again where that is wanted; the broker's connection is kept.
pub(super) struct Look<'a> {
    fleet: &'a Fleet,
    store: Store,
    broker: Option<Admin>,
    overdue: SignedDuration,
}

impl<'a> Look<'a> {
    /// Nothing is asked yet.
    pub(super) fn at(fleet: &'a Fleet) -> anyhow::Result<Self> {
        let settings = fleet.settings();
        // Both are needed; said before anything is asked.
        let _address = settings.amqp.address()?;
        Ok(Self {
            fleet,
            store: fleet.store()?,
            broker: None,
            overdue: settings.sweeper.topup_overdue,
        })
    }

    pub(super) async fn now(&mut self) -> Status {
        let broker = self.broker.take();
        let (counted, found, edges) = tokio::join!(
            timeout(LOOK_MAX, count(self.fleet, broker)),
            timeout(LOOK_MAX, find(&self.store, self.overdue)),
            timeout(LOOK_MAX, edges(self.fleet.settings())),
        );
        let mut status = Status {
            at: Timestamp::now(),
            problems: Vec::new(),
            queues: WORK_QUEUES.map(QueueStatus::of).into(),
            delayed: None,
            unroutable: BTreeMap::from([(UNROUTABLE, None), (DELAY_UNROUTABLE, None)]),
            workers: Vec::new(),
            edges: edges.ok().flatten(),
            waiting: None,
        };
        match counted {
            Ok(Ok((broker, counts))) => {
                self.broker = Some(broker);
                status.has_counted(&counts);
            }
            Ok(Err(error)) => status.problems.push(format!("broker: {}", chain(&error))),
            Err(_late) => status.problems.push("broker: no answer in time".to_owned()),
        }
        match found {
            Ok(Ok(found)) => status.has_found(found),
            Ok(Err(error)) => status.problems.push(format!("database: {}", chain(&error))),
            Err(_late) => status.problems.push("database: no answer in time".to_owned()),
        }
        status
    }
}

impl QueueStatus {
    fn of(queue: &'static str) -> Self {
        Self {
            queue,
            ..Self::default()
        }
    }
}

impl Status {
    fn has_counted(&mut self, counts: &Counts) {
        for queue in &mut self.queues {
            let count = counts.get(queue.queue).copied().flatten();
            queue.ready = count.map(|(messages, _)| messages);
            queue.consumers = count.map(|(_, consumers)| consumers);
            let dead = counts.get(&dead_queue(queue.queue)).copied().flatten();
            queue.dead = dead.map(|(messages, _)| messages);
        }
        for (name, messages) in &mut self.unroutable {
            *messages = counts.get(*name).copied().flatten().map(|(messages, _)| messages);
        }
        let levels = (0..LEVELS).map(|level| counts.get(&level_name(level)).copied().flatten());
        self.delayed = levels.map(|count| count.map(|(messages, _)| messages)).sum();
        let missing: Vec<&str> = counts
            .iter()
            .filter(|(_, count)| count.is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        if !missing.is_empty() {
            self.problems.push(format!(
                "broker: there is no queue {}; `fleetctl topology apply` makes it",
                missing.join(", ")
            ));
        }
    }

    fn has_found(&mut self, found: Found) {
        self.workers = found.processes.into_iter().map(WorkerStatus::of).collect();
        for queue in &mut self.queues {
            let workers = self
                .workers
                .iter()
                .filter(|it| it.alive && it.name == queue.queue);
            queue.workers = workers.clone().count();
            queue.per_s = workers.map(|worker| worker.per_s).sum();
        }
        for pause in found.pauses {
            if let Some(queue) = self.queues.iter_mut().find(|it| it.queue == pause.queue) {
                queue.paused = Some(PauseStatus {
                    paused_at: pause.paused_at,
                    ends_at: pause.ends_at,
                    who: pause.who,
                    reason: pause.reason,
                });
            }
        }
        self.waiting = Some(found.waiting);
    }
}

impl WorkerStatus {
    fn of(row: ProcessRow) -> Self {
        let alive = row.silent_s <= SILENT_S;
        Self {
            name: row.name,
            version: row.version,
            host: row.host,
            pid: row.pid,
            state: row.state.to_string(),
            why: row.why,
            alive,
            silent_s: row.silent_s,
            started_at: row.started_at,
            handled: row.handled,
            per_s: if alive { row.per_s } else { 0.0 },
            clock_ahead_s: row.clock_ahead.map(|ahead| ahead.as_secs_f64()),
        }
    }
}

/// Messages and consumers by queue; `None`: there is no such queue.
type Counts = BTreeMap<String, Option<(u32, u32)>>;

async fn count(fleet: &Fleet, broker: Option<Admin>) -> anyhow::Result<(Admin, Counts)> {
    let broker = match broker {
        Some(broker) => broker,
        None => fleet.broker().await?,
    };
    let work = WORK_QUEUES
        .iter()
        .flat_map(|queue| [(*queue).to_owned(), dead_queue(queue)]);
    let unroutable = [UNROUTABLE, DELAY_UNROUTABLE].map(str::to_owned);
    let mut counts = Counts::new();
    for queue in work.chain(unroutable).chain((0..LEVELS).map(level_name)) {
        let count = broker.count(&queue).await?;
        counts.insert(queue, count.map(|count| (count.messages, count.consumers)));
    }
    Ok((broker, counts))
}

/// The edges that are connected; `None`: nobody can tell.
async fn edges(settings: &Settings) -> Option<Vec<Connected>> {
    let amqp = with_management(&settings.amqp).ok()?;
    connected(&amqp, "edge").await.ok()
}

struct Found {
    processes: Vec<ProcessRow>,
    pauses: Vec<QueuePause>,
    waiting: Waiting,
}

async fn find(store: &Store, overdue: SignedDuration) -> anyhow::Result<Found> {
    let (outbox_rows, outbox_oldest_s) = store.outbox_backlog().await?;
    let topups = store.waiting_topups(overdue).await?;
    let topups_open = store.open_topups_by_state().await?;
    let payments_open = store.open_payments_by_state().await?;
    let waiting = Waiting {
        outbox_rows,
        outbox_oldest_s,
        topups: topups.count,
        topups_oldest_s: topups.oldest_age_s,
        topups_overdue: topups.overdue,
        topups_overdue_s: topups.overdue_s,
        topups_open: topups_open
            .into_iter()
            .map(|open| Open {
                kind: None,
                state: open.state.to_string(),
                count: open.count,
                oldest_s: open.oldest_age_s,
            })
            .collect(),
        payments_open: payments_open
            .into_iter()
            .map(|open| Open {
                kind: Some(open.kind.to_string()),
                state: open.state.to_string(),
                count: open.count,
                oldest_s: open.oldest_age_s,
            })
            .collect(),
    };
    Ok(Found {
        processes: store
            .processes()
            .await
            .context("`fleetctl migrate` may be needed")?,
        pauses: store.paused_queues().await?,
        waiting,
    })
}
