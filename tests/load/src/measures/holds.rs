//! Leave to send, asked for over HTTP by senders that keep their connections open: how long an answer takes while
//! nothing else happens and at a steady rate, how many are answered a second, and what that costs the debits.
//!
//! Senders, edge and database share this machine. Where a rate is kept, who can't send in time is late by that much, and
//! the wait counts: nothing is left out because something before it was slow.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use futures_util::future::try_join_all;
use jiff::SignedDuration;
use reqwest::{Client, StatusCode};
use rustix::process::setpriority_process;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use topup_stack::plain_client;
use uuid::Uuid;

use crate::bench::{Bench, Ground, spending};
use crate::measures::debits;
use crate::plan::Sizes;
use crate::progress;
use crate::samples::Samples;

/// Connections that ask at once, where it is about how many are answered.
const CONNECTIONS: usize = 64;
/// Behind everybody else for the processors.
const NICE_MAX: i32 = 19;
/// As the edge is by its settings.
const EDGE_NICE: i32 = 10;
/// A second, while nothing else happens.
const IDLE_PER_S: u32 = 100;
/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// `hold_latency_…_ms`, the same with `_steady`, `holds_steady_per_s`, `holds_per_s`; `commit_…_ms`.
pub(crate) async fn measure(bench: &mut Bench, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    // Nobody else is at work, and what others left behind is written.
    bench.few.stop_workers().await?;
    bench.few.database.settle_down().await?;
    let senders = Senders::of(&mut bench.few).await?;
    // Connections, prepared statements, a token that is known: the first ones find none of it.
    senders.keep(sizes.holds_per_s, sizes.holds_per_s).await?;
    let commits = bench
        .few
        .database
        .commits(IDLE_PER_S, sizes.hold_asks / 2)
        .await?;
    samples.add_spans("commit", commits);
    let idle = senders.keep(IDLE_PER_S, sizes.hold_asks).await?;
    samples.add_spans("hold_latency", idle.took);
    let steady = sizes.holds_per_s * sizes.hold_s;
    let kept = senders.keep(sizes.holds_per_s, steady).await?;
    samples.add("holds_steady_per_s", kept.per_s);
    samples.add_spans("hold_latency_steady", kept.took);
    let fire = senders.fire()?;
    tokio::time::sleep(Duration::from_secs(sizes.hold_s.into())).await;
    samples.add("holds_per_s", fire.stop().await?.per_s);
    Ok(())
}

/// `debits_beside_no_holds_per_s`, `debits_beside_stranger_per_s`, `debits_beside_holds_per_s`,
/// `holds_beside_debits_per_s`.
pub(crate) async fn round(bench: &mut Bench, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let senders = Senders::of(&mut bench.few).await?;
    senders.keep(sizes.holds_per_s, sizes.holds_per_s).await?;
    let account = bench.few.spending();
    let quiet = debits::measure(&mut bench.few, &bench.watch, 1, sizes.events, &account).await?;
    samples.add("debits_beside_no_holds_per_s", quiet.per_s);

    bench.few.fill_queue(sizes.events, &account).await?;
    let stranger = Stranger::start()?;
    let debited = debits::drain(&mut bench.few, &bench.watch, 1, sizes.events).await?;
    stranger.stop()?;
    samples.add("debits_beside_stranger_per_s", debited.per_s);

    bench.few.fill_queue(sizes.events, &account).await?;
    let fire = senders.fire()?;
    let debited = debits::drain(&mut bench.few, &bench.watch, 1, sizes.events).await?;
    samples.add("holds_beside_debits_per_s", fire.stop().await?.per_s);
    samples.add("debits_beside_holds_per_s", debited.per_s);
    Ok(())
}

/// Who asks: for each account in its turn, a batch of one credit.
#[derive(Debug, Clone)]
struct Senders {
    url: String,
    token: String,
    /// Of the accounts that spend.
    accounts: u32,
    asked: Arc<AtomicU32>,
}

/// What came of it.
#[derive(Debug)]
struct Asked {
    per_s: f64,
    took: Vec<SignedDuration>,
}

impl Senders {
    async fn of(ground: &mut Ground) -> Result<Self> {
        let made = ground
            .fleet
            .fleetctl(&[
                "token",
                "create",
                "--platform",
                "--scope",
                "send",
                "--name",
                "load",
                "--json",
            ])
            .await?;
        let made: Value = serde_json::from_str(&made).context("reading what made a token")?;
        let edge = ground.fleet.worker("edge")?;
        Ok(Self {
            url: edge.public_url().context("the edge named no public address")?,
            token: made["token"].as_str().context("no token was made")?.to_owned(),
            accounts: ground.accounts,
            asked: Arc::new(AtomicU32::new(0)),
        })
    }

    /// So many, so many a second.
    async fn keep(&self, per_s: u32, count: u32) -> Result<Asked> {
        let bar = progress::bar("asking leave to send", u64::from(count));
        let next = AtomicU32::new(0);
        let pause = Duration::from_secs(1) / per_s;
        // Making them takes milliseconds each, for which the first who ask would wait.
        let clients: Vec<Client> = (0..CONNECTIONS).map(|_| client()).collect::<Result<_>>()?;
        let start = Instant::now();
        let one = async |client: Client| {
            let mut took = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(took);
                }
                let due = start + pause * number;
                let late = Instant::now() >= due;
                sleep_until(due).await;
                // A timer goes off up to a millisecond after its time, which is nobody's wait.
                let from = if late { due } else { Instant::now() };
                self.ask(&client).await?;
                took.push(SignedDuration::try_from(from.elapsed())?);
                bar.inc(1);
            }
        };
        let took: Vec<SignedDuration> = try_join_all(clients.into_iter().map(one)).await?.concat();
        bar.finish_and_clear();
        Ok(Asked {
            per_s: f64::from(count) / start.elapsed().as_secs_f64(),
            took,
        })
    }

    /// As fast as they are answered, until it is told to stop. Senders are elsewhere, and no part of the fleet: from its
    /// processors they take what it leaves.
    fn fire(&self) -> Result<Fire> {
        let stop = Arc::new(AtomicBool::new(false));
        let (senders, told) = (self.clone(), Arc::clone(&stop));
        let thread = thread::Builder::new()
            .name("senders".to_owned())
            .spawn(move || {
                // Of this thread, and of those that it starts.
                setpriority_process(None, NICE_MAX).context("standing back")?;
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .enable_all()
                    .build()
                    .context("threads for senders")?;
                runtime.block_on(async {
                    let one = || tokio::spawn(senders.clone().ask_until(Arc::clone(&told)));
                    let tasks: Vec<JoinHandle<Result<u32>>> = (0..CONNECTIONS).map(|_| one()).collect();
                    let mut count = 0;
                    for task in tasks {
                        count += task.await.context("asking leave")??;
                    }
                    Ok(count)
                })
            })
            .context("starting senders")?;
        Ok(Fire {
            start: Instant::now(),
            thread,
            stop,
        })
    }

    async fn ask_until(self, told: Arc<AtomicBool>) -> Result<u32> {
        let client = client()?;
        let mut count = 0_u32;
        while !told.load(Ordering::Relaxed) {
            self.ask(&client).await?;
            count += 1;
        }
        Ok(count)
    }

    async fn ask(&self, client: &Client) -> Result<()> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let account = spending(self.accounts)(number);
        let body = format!(
            r#"{{"batch_id":"{}","service":"sms","credits":1}}"#,
            Uuid::now_v7()
        );
        let answer = client
            .post(format!("{}/v1/accounts/{account}/holds", self.url))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .context("asking leave")?;
        let status = answer.status();
        let text = answer.text().await.context("reading an answer")?;
        if status != StatusCode::CREATED {
            bail!("leave to send was answered with {status}: {text}");
        }
        Ok(())
    }
}

/// Senders who ask as fast as they are answered.
#[derive(Debug)]
struct Fire {
    start: Instant,
    thread: thread::JoinHandle<Result<u32>>,
    stop: Arc<AtomicBool>,
}

impl Fire {
    async fn stop(self) -> Result<Asked> {
        let spent = self.start.elapsed();
        self.stop.store(true, Ordering::Relaxed);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await?;
        let count = joined.map_err(|_panic| anyhow!("the senders broke down"))??;
        Ok(Asked {
            per_s: f64::from(count) / spent.as_secs_f64(),
            took: Vec::new(),
        })
    }
}

/// A program with no part in the fleet, which computes without end on each processor, as nice as the edge: what it costs
/// the debits is the processors' price, and what leave to send costs beyond that would be the edge's way of asking.
#[derive(Debug)]
struct Stranger {
    threads: Vec<thread::JoinHandle<Result<()>>>,
    stop: Arc<AtomicBool>,
}

impl Stranger {
    fn start() -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let compute = |told: Arc<AtomicBool>| {
            setpriority_process(None, EDGE_NICE).context("standing back")?;
            while !told.load(Ordering::Relaxed) {
                spin_loop();
            }
            Ok(())
        };
        let threads = (0..thread::available_parallelism()?.get())
            .map(|_| {
                let told = Arc::clone(&stop);
                thread::Builder::new()
                    .name("stranger".to_owned())
                    .spawn(move || compute(told))
                    .context("starting a stranger")
            })
            .collect::<Result<_>>()?;
        Ok(Self { threads, stop })
    }

    fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread
                .join()
                .map_err(|_panic| anyhow!("the stranger broke down"))??;
        }
        Ok(())
    }
}

/// One connection, kept open.
fn client() -> Result<Client> {
    plain_client()
        .pool_max_idle_per_host(1)
        .timeout(ANSWER_TIMEOUT)
        .build()
        .context("a client of the edge")
}
