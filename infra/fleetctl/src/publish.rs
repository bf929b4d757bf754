//! `fleetctl publish`: a file's send events to the queue, as any sender would publish them.
//!
//! The number that it says to resume from is exact: every line before it is confirmed by the broker. Lines after
//! it may have been published as well; that is safe, since an event is debited once (S1).

mod message;
mod pipeline;

use crate::cli::PublishArgs;
use crate::fields;
use crate::fleet::Fleet;
use crate::lines::{Line, Lines, Mistake, STANDARD_INPUT};
use crate::output::{Report, Verdict, count};
use crate::progress::Progress;
use message::Event;
use pipeline::{Pipeline, Unconfirmed};
use serde::Serialize;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Longest line. Far above what the fleet takes, so that unchecked lines can show what becomes of such.
const LINE_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most mistakes that the JSON document holds. All are counted, and all are said on standard error.
const MISTAKES_LISTED_MAX: usize = 10_000;

/// Why it ended before the file's end.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// This line can't be published.
    Broken(Mistake),
    /// This line is not confirmed.
    Broker(Unconfirmed),
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

/// What was done, for the JSON document.
#[derive(Debug, Default, Serialize)]
struct Published {
    /// As it was named.
    file: String,
    /// Lines that the broker confirmed.
    published: u64,
    /// Lines left out.
    skipped: u64,
    /// The first of them.
    mistakes: Vec<Mistake>,
    /// Why it ended before the file's end.
    stopped: Option<String>,
    /// Every line before this one is confirmed or left out; none where the file is done.
    resume_from_line: Option<u64>,
    /// How long it took.
    seconds: f64,
    /// How fast that was.
    events_per_second: f64,
}

/// Publishes the file's lines.
///
/// # Errors
/// Settings, a file that can't be read, a broker that can't be reached. What happens later is part of the report.
pub(crate) async fn run(fleet: &Fleet, args: &PublishArgs) -> anyhow::Result<Report> {
    let mut lines = Lines::open(&args.file, LINE_MAX_BYTES)?;
    let mut pipeline = Pipeline::connect(fleet, usize::from(args.in_flight)).await?;
    let progress = Progress::new(&lines);
    let started = Instant::now();
    let mut done = Published {
        file: lines.name().to_owned(),
        ..Published::default()
    };
    let mut stop = publish_all(&mut lines, args, &mut pipeline, &progress, &mut done).await?;
    // What is on its way decides where to resume, whatever the reason to stop was.
    if !matches!(stop, Some(Stop::Broker(_)))
        && let Err(unconfirmed) = pipeline.drain().await
    {
        stop = Some(Stop::Broker(unconfirmed));
    }
    progress.finish();
    done.published = pipeline.confirmed();
    pipeline.close().await;
    conclude(&lines, stop, started.elapsed(), done)
}

async fn publish_all(
    lines: &mut Lines,
    args: &PublishArgs,
    pipeline: &mut Pipeline,
    progress: &Progress,
    done: &mut Published,
) -> anyhow::Result<Option<Stop>> {
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let next = tokio::select! {
            biased;
            _ = &mut interrupted => return Ok(Some(Stop::Interrupted)),
            next = lines.next() => next?,
        };
        let Some(line) = next else { return Ok(None) };
        if lines.number() < args.from_line {
            continue;
        }
        progress.show(lines, pipeline.confirmed());
        let event = line.and_then(|line| read(lines, line, args.unchecked));
        match event {
            Ok((number, event)) => {
                if let Err(unconfirmed) = pipeline.publish(number, &event).await {
                    return Ok(Some(Stop::Broker(unconfirmed)));
                }
            }
            Err(mistake) if args.skip_bad => {
                progress.say(&mistake);
                done.skipped += 1;
                if done.mistakes.len() < MISTAKES_LISTED_MAX {
                    done.mistakes.push(mistake);
                }
            }
            Err(mistake) => return Ok(Some(Stop::Broken(mistake))),
        }
    }
}

fn read(lines: &Lines, line: Line, unchecked: bool) -> Result<(u64, Event), Mistake> {
    let Line { number, text } = line;
    if unchecked {
        return Ok((number, Event::unchecked(text)));
    }
    Event::checked(text)
        .map(|event| (number, event))
        .map_err(|unreadable| {
            let fields::Wrong { field, problem } = fields::split(&unreadable.to_string());
            lines.mistake(number, field, problem)
        })
}

fn conclude(
    lines: &Lines,
    stop: Option<Stop>,
    took: Duration,
    mut done: Published,
) -> anyhow::Result<Report> {
    done.seconds = took.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let published = done.published as f64;
    done.events_per_second = if done.seconds > 0.0 {
        published / done.seconds
    } else {
        0.0
    };
    (done.stopped, done.resume_from_line) = match stop {
        None => (None, None),
        Some(Stop::Broken(mistake)) => {
            let (said, line) = (mistake.to_string(), mistake.line);
            done.mistakes.push(mistake);
            (Some(said), Some(line))
        }
        Some(Stop::Broker(Unconfirmed { line, why })) => {
            (Some(lines.mistake(line, None, why).to_string()), Some(line))
        }
        Some(Stop::Interrupted) => (
            Some(format!("{}: interrupted", lines.name())),
            Some(lines.number() + 1),
        ),
    };
    if let Some(hint) = how_to_go_on(&done) {
        // Whatever becomes of standard output, the line to go on from must not get lost.
        let _unheard = writeln!(std::io::stderr(), "{hint}");
    }
    let fine = done.stopped.is_none() && done.skipped == 0;
    let text = told(&done);
    Report::new(&done, text, Verdict::fine_if(fine))
}

fn told(done: &Published) -> String {
    let text = format!(
        "{} published and confirmed in {:.1} s, {:.0} a second",
        count(done.published, "event", "events"),
        done.seconds,
        done.events_per_second
    );
    match done.skipped {
        0 => text,
        some => format!("{text}; {} left out", count(some, "broken line", "broken lines")),
    }
}

/// Why it stopped, and the command that goes on from there.
fn how_to_go_on(done: &Published) -> Option<String> {
    let (stopped, line) = (done.stopped.as_ref()?, done.resume_from_line?);
    let file = if done.file == STANDARD_INPUT {
        "-"
    } else {
        &done.file
    };
    Some(format!(
        "{stopped}\nEvery line before line {line} is done. When it is mended, go on with: fleetctl publish {file} --from-line {line}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(stopped: Option<&str>, resume_from_line: Option<u64>, skipped: u64) -> Published {
        Published {
            file: "events.ndjson".into(),
            published: 1_733,
            skipped,
            stopped: stopped.map(str::to_owned),
            resume_from_line,
            seconds: 2.0,
            events_per_second: 866.5,
            mistakes: Vec::new(),
        }
    }

    #[test]
    fn the_summary_says_how_fast_it_was() {
        assert_eq!(
            told(&done(None, None, 0)),
            "1,733 events published and confirmed in 2.0 s, 866 a second"
        );
        assert!(told(&done(None, None, 1)).ends_with("; 1 broken line left out"));
        assert_eq!(how_to_go_on(&done(None, None, 1)), None);
    }

    #[test]
    fn a_stop_says_why_and_how_to_go_on() {
        let stopped = done(
            Some("events.ndjson:1734: field `credits`: is missing"),
            Some(1_734),
            0,
        );
        assert_eq!(
            how_to_go_on(&stopped).unwrap(),
            "events.ndjson:1734: field `credits`: is missing\n\
             Every line before line 1734 is done. When it is mended, go on with: fleetctl publish events.ndjson --from-line 1734"
        );
        let piped = Published {
            file: STANDARD_INPUT.to_owned(),
            ..stopped
        };
        assert!(
            how_to_go_on(&piped)
                .unwrap()
                .ends_with("fleetctl publish - --from-line 1734")
        );
    }
}
