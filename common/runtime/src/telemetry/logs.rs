//! Log lines: which are written, and how they look.

use super::masking::Masked;
use super::stamp::{Stamp, Stamped};
use crate::settings::{Log, LogFormat, SettingsError};
use std::io::{self, IsTerminal as _};
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

/// Our own crates: the libraries all begin so, and a program's is named after it.
const OURS: &str = "topup_";
/// Broker libraries: their warnings show whole messages. What matters of them reaches us as errors.
const SILENT: [&str; 3] = ["lapin", "amq_protocol", "async_rs"];
/// Everybody else's warnings are of use. Below, they show parameters, frames, headers and bodies.
const FOREIGN_MAX: LevelFilter = LevelFilter::WARN;

/// Sets up the log of the process `name`.
pub(super) fn install(name: &'static str, log: &Log) -> Result<(), SettingsError> {
    let wanted = EnvFilter::try_new(&log.filter).map_err(|e| {
        SettingsError::about("log.filter", &format!("{:?} is no log filter: {e}", log.filter))
    })?;
    let program = name.replace('-', "_");
    let allowed = filter_fn(move |line| may_be_written(line, &program));
    let stamp = Stamp {
        process: name,
        version: env!("CARGO_PKG_VERSION"),
    };
    let is_terminal = io::stderr().is_terminal();
    let lines = lines(log.format, stamp, Masked::standard_error, is_terminal);
    let filtered = tracing_subscriber::registry().with(allowed).with(wanted);
    // An error says that there is a subscriber already: then it is a test's.
    let _already = filtered.with(lines).try_init();
    Ok(())
}

/// What writes lines; in a box, because each format is a type of its own.
pub(super) type Lines<S> = Box<dyn Layer<S> + Send + Sync>;

/// Writes lines, each with its `stamp`, to `to`.
pub(super) fn lines<S, W>(format: LogFormat, stamp: Stamp, to: W, is_terminal: bool) -> Lines<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(to)
        .with_ansi(is_terminal)
        .with_span_events(FmtSpan::NONE);
    match format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .map_event_format(|inner| Stamped::new(inner, stamp))
            .boxed(),
        LogFormat::Human => lines.with_timer(stamp).boxed(),
    }
}

/// Whatever the filter says: what a library holds in hand is never written.
fn may_be_written(line: &Metadata<'_>, program: &str) -> bool {
    is_allowed(line.target(), *line.level(), program)
}

fn is_allowed(target: &str, level: tracing::Level, program: &str) -> bool {
    let of = target.split([':', '.']).next().unwrap_or_default();
    if of == program || of.starts_with(OURS) {
        return true;
    }
    !SILENT.iter().any(|silent| of.starts_with(silent)) && level <= FOREIGN_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn no_filter_lets_a_library_show_what_it_holds_in_hand() {
        for ours in ["sms_sent", "sms_sent::x", "topup_store::settle", "topup_rules"] {
            assert!(is_allowed(ours, Level::TRACE, "sms_sent"), "{ours}");
        }
        for foreign in [
            "tokio_postgres::query",
            "deadpool.postgres",
            "hyper::proto::h1::io",
            "reqwest::connect",
            "lettre::transport",
            "rustls::client",
            "sms_sender",
            "topup",
        ] {
            assert!(is_allowed(foreign, Level::WARN, "sms_sent"), "{foreign}");
            for level in [Level::INFO, Level::DEBUG, Level::TRACE] {
                assert!(!is_allowed(foreign, level, "sms_sent"), "{foreign} {level}");
            }
        }
        assert!(!is_allowed("lapin::returned_messages", Level::WARN, "sms_sent"));
        assert!(!is_allowed("amq_protocol", Level::ERROR, "sms_sent"));
    }
}
