//! The line to a stack's keeper: its process, what it is told, and what it answers.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::acts::{Act, Server};
use crate::place;

/// Longest wait for an answer; longer than any act may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
/// Longest wait for a keeper to stop everything.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// Pause between two looks whether it has.
const STOP_POLL: Duration = Duration::from_millis(10);

/// What a keeper can be told, one JSON value a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Kill this process with the stack, if it still is the one that started at that time.
    Guard { pid: i32, started_ticks: u64 },
    /// That process has ended.
    Release { pid: i32 },
    /// Remove this database and virtual host with the stack.
    Space { name: String },
    /// They have been removed.
    Removed { name: String },
    /// Do this, and answer under that number.
    Do { number: u64, wish: Wish },
}

/// What a keeper answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Wish {
    /// An act on a server.
    Act { server: Server, act: Act },
    /// RabbitMQ's own command, on one node.
    Rabbitmqctl { node: u8, arguments: Vec<String> },
}

/// How it went: what was printed, or what went wrong with its causes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) number: u64,
    pub(crate) said: Result<String, String>,
}

/// The keeper's process; dropping it ends the stack.
#[derive(Debug)]
pub(crate) struct Line {
    child: Mutex<Child>,
    input: Mutex<Option<ChildStdin>>,
    numbers: AtomicU64,
    waiting: Arc<Waiting>,
}

/// Who waits for which answer; `None` once there will be no more.
type Waiting = Mutex<Option<HashMap<u64, oneshot::Sender<Result<String, String>>>>>;

impl Line {
    /// Starts a keeper with these arguments. The receiver gets its first line; it is closed where there is none.
    pub(crate) fn open(arguments: &[&str]) -> Result<(Self, oneshot::Receiver<String>)> {
        let mut child = Command::new(place::program("stack")?)
            .arg("keep")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A Ctrl-C at the terminal is for the stack's user, whose end then ends the stack.
            .process_group(0)
            .spawn()
            .context("starting the stack's keeper")?;
        let output = child.stdout.take().context("listening to the stack's keeper")?;
        let input = child.stdin.take();
        let waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let line = Self {
            child: Mutex::new(child),
            input: Mutex::new(input),
            numbers: AtomicU64::new(0),
            waiting: Arc::clone(&waiting),
        };
        let (sender, first) = oneshot::channel();
        thread::spawn(move || listen(output, sender, &waiting));
        Ok((line, first))
    }

    /// Tells the keeper something.
    pub(crate) fn tell(&self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_string(request).context("writing to the keeper")?;
        line.push('\n');
        match locked(&self.input).as_mut() {
            Some(input) => input
                .write_all(line.as_bytes())
                .context("the stack's keeper is gone"),
            None => Ok(()),
        }
    }

    /// Asks the keeper for something, and waits until it is done.
    pub(crate) async fn ask(&self, wish: Wish) -> Result<String> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        let gone = "the stack's keeper is gone";
        locked(&self.waiting)
            .as_mut()
            .context(gone)?
            .insert(number, sender);
        self.tell(&Request::Do { number, wish })?;
        let answer = timeout(ANSWER_TIMEOUT, answer).await.with_context(|| {
            format!(
                "the stack's keeper did not answer for {} s",
                ANSWER_TIMEOUT.as_secs()
            )
        })?;
        answer.context(gone)?.map_err(|said| anyhow!(said))
    }
}

fn listen(output: ChildStdout, first: oneshot::Sender<String>, waiting: &Waiting) {
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    if let Some(line) = lines.next() {
        // Nobody waits any longer: then nobody needs it. The same holds for every answer.
        let _ = first.send(line);
        for line in lines {
            match serde_json::from_str::<Answer>(&line) {
                Ok(Answer { number, said }) => {
                    let asker = locked(waiting).as_mut().and_then(|all| all.remove(&number));
                    let _ = asker.map(|asker| asker.send(said));
                }
                Err(error) => eprintln!("stack: its keeper said, and was not understood: {line}: {error}"),
            }
        }
    }
    *locked(waiting) = None;
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(
            self.input
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < until {
            match child.try_wait() {
                Ok(None) => thread::sleep(STOP_POLL),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        eprintln!(
            "stack: its keeper did not stop after {} s and is killed",
            STOP_TIMEOUT.as_secs()
        );
        let _ = child.kill();
        let _ = child.wait();
    }
}
