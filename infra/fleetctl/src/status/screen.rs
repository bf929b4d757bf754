//! The look as people read it: no wider than a hundred columns.

use super::look::{Open, PauseStatus, QueueStatus, Status, Waiting};
use crate::output::{Side, Table, grouped};
use crate::words::moment;
use std::fmt::Write as _;

/// Columns of a screen.
const WIDTH: usize = 100;

/// The lines.
pub(super) fn render(status: &Status) -> String {
    let mut head = format!("{}\n", moment(status.at));
    // Read to their ends, however long they are.
    for problem in &status.problems {
        let _infallible = writeln!(head, "! {problem}");
    }
    let mut text = format!("\n{}\n{}", queues(status), elsewhere(status));
    let _infallible = write!(text, "\n{}", workers(status));
    if let Some(waiting) = &status.waiting {
        let _infallible = write!(text, "\n{}", waits(waiting));
    }
    head.extend(text.lines().map(fit));
    head
}

/// A line no wider than the screen.
fn fit(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return format!("{line}\n");
    }
    let cut: String = line.chars().take(WIDTH - 1).collect();
    format!("{cut}…\n")
}

fn queues(status: &Status) -> String {
    let mut table = Table::new([
        ("QUEUE", Side::Left),
        ("READY", Side::Right),
        ("PER S", Side::Right),
        ("WORKERS", Side::Right),
        ("DEAD", Side::Right),
        ("", Side::Left),
    ]);
    for queue in &status.queues {
        table.row([
            queue.queue.to_owned(),
            known(queue.ready),
            if_known(status, || rate(queue.per_s)),
            if_known(status, || queue.workers.to_string()),
            known(queue.dead),
            remark(queue, status),
        ]);
    }
    table.render()
}

/// What a person had better know of a queue.
fn remark(queue: &QueueStatus, status: &Status) -> String {
    match &queue.paused {
        Some(pause) => paused(pause, status),
        None if status.waiting.is_some() && queue.workers == 0 => match queue.consumers {
            Some(0) => "NOBODY TAKES FROM IT".to_owned(),
            // Of a version that says nothing, perhaps.
            Some(_) | None => String::new(),
        },
        None => String::new(),
    }
}

fn paused(pause: &PauseStatus, status: &Status) -> String {
    let until = match pause.ends_at {
        Some(at) => format!(", {} left", age(at.duration_since(status.at).as_secs_f64())),
        None => String::new(),
    };
    let since = age(status.at.duration_since(pause.paused_at).as_secs_f64());
    format!("PAUSED for {since}{until}, by {}: {}", pause.who, pause.reason)
}

fn elsewhere(status: &Status) -> String {
    let unroutable: Option<u32> = status.unroutable.values().copied().sum();
    format!(
        "delayed {}, unroutable {}\n",
        known(status.delayed),
        known(unroutable)
    )
}

fn workers(status: &Status) -> String {
    let mut table = Table::new([
        ("WORKER", Side::Left),
        ("VERSION", Side::Left),
        ("HOST", Side::Left),
        ("PID", Side::Right),
        ("UP", Side::Right),
        ("HANDLED", Side::Right),
        ("PER S", Side::Right),
        ("STATE", Side::Left),
    ]);
    for worker in &status.workers {
        let up = status.at.duration_since(worker.started_at);
        let state = match (worker.alive, &worker.why) {
            (false, _) => format!("SILENT for {}, was {}", age(worker.silent_s), worker.state),
            (true, Some(why)) => format!("{} ({why})", worker.state),
            (true, None) => worker.state.clone(),
        };
        table.row([
            worker.name.clone(),
            worker.version.clone(),
            worker.host.clone(),
            worker.pid.to_string(),
            age(up.as_secs_f64()),
            grouped(u64::try_from(worker.handled).unwrap_or_default()),
            rate(worker.per_s),
            state,
        ]);
    }
    for edge in status.edges.iter().flatten() {
        let nothing = || "-".to_owned();
        let since = edge.connected_at.map(|at| status.at.duration_since(at));
        table.row([
            "edge".to_owned(),
            edge.version.clone(),
            edge.host.clone(),
            edge.pid.to_string(),
            since.map_or_else(nothing, |since| age(since.as_secs_f64())),
            nothing(),
            nothing(),
            "connected to the broker".to_owned(),
        ]);
    }
    let mut text = match (&status.waiting, table.is_empty()) {
        (None, true) => String::new(),
        (Some(_), true) => "no process says that it is alive\n".to_owned(),
        (_, false) => table.render(),
    };
    if status.waiting.is_none() {
        text.push_str("which workers are alive is not known\n");
    }
    text.push_str(match status.edges.as_deref() {
        None => "edges: not known; the broker's management interface can't be asked (TOPUP__AMQP__MANAGEMENT_URL)\n",
        Some([]) => "no edge is connected to the broker\n",
        Some(_) => "",
    });
    text
}

fn waits(waiting: &Waiting) -> String {
    let mut text = String::new();
    let outbox = u64::try_from(waiting.outbox_rows).unwrap_or_default();
    let _infallible = match outbox {
        0 => writeln!(text, "outbox    empty"),
        rows => writeln!(
            text,
            "outbox    {} not published yet, the oldest for {}",
            grouped(rows),
            age(waiting.outbox_oldest_s)
        ),
    };
    let topups = u64::try_from(waiting.topups).unwrap_or_default();
    let _infallible = match (topups, waiting.topups_overdue) {
        (0, _) => write!(text, "top-ups   none waits"),
        (some, 0) => write!(
            text,
            "top-ups   {} waiting, the oldest for {}, none overdue",
            grouped(some),
            age(waiting.topups_oldest_s)
        ),
        (some, overdue) => write!(
            text,
            "top-ups   {} waiting, the oldest for {}, {overdue} OVERDUE, by {} at most",
            grouped(some),
            age(waiting.topups_oldest_s),
            age(waiting.topups_overdue_s)
        ),
    };
    let _infallible = writeln!(text, "{}", open(&waiting.topups_open));
    let _infallible = match waiting.payments_open.as_slice() {
        [] => writeln!(text, "payments  none open"),
        some => writeln!(text, "payments {}", open(some).trim_start_matches(';')),
    };
    if waiting.payments_open.iter().any(|open| open.state == "parked") {
        text.push_str("          parked ones wait for a person: `fleetctl topup list --state parked`\n");
    }
    text
}

/// `; scheduled 2 (30 m), unknown 1 (2 h)`.
fn open(states: &[Open]) -> String {
    let told: Vec<String> = states
        .iter()
        .map(|open| {
            let kind = match open.kind.as_deref() {
                None | Some("topup") => String::new(),
                Some(kind) => format!("{kind} "),
            };
            let age = age(open.oldest_s as f64);
            format!("{kind}{} {} ({age})", open.state, open.count)
        })
        .collect();
    if told.is_empty() {
        String::new()
    } else {
        format!("; {}", told.join(", "))
    }
}

fn known(number: Option<u32>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| grouped(number.into()))
}

/// What only the database can tell.
fn if_known(status: &Status, told: impl Fn() -> String) -> String {
    status.waiting.as_ref().map_or_else(|| "?".to_owned(), |_| told())
}

/// `0`, `0.4`, `1,234`.
fn rate(per_s: f32) -> String {
    if per_s <= 0.0 {
        "0".to_owned()
    } else if per_s < 10.0 {
        format!("{per_s:.1}")
    } else {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and far smaller than what an integer holds"
        )]
        let whole = per_s.round() as u64;
        grouped(whole)
    }
}

/// `12 s`, `5 m`, `3 h`, `2 d`: as much as a glance takes in.
fn age(seconds: f64) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 3_600.0;
    const DAY: f64 = 86_400.0;
    let (unit, name) = if seconds < 2.0 * MINUTE {
        (1.0, "s")
    } else if seconds < 2.0 * HOUR {
        (MINUTE, "m")
    } else if seconds < 2.0 * DAY {
        (HOUR, "h")
    } else {
        (DAY, "d")
    };
    format!("{:.0} {name}", (seconds / unit).max(0.0).floor())
}
