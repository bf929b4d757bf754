//! Whose line of the log it is: each names its process and its version, so that the lines of a whole fleet, old and new
//! versions side by side, can lie in one place.
//!
//! Left out: host and number of the process, which whoever gathers the lines knows anyway.

use std::fmt;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// A process of a version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    /// Its name: `sms-sent`.
    pub(super) process: &'static str,
    /// Of its build.
    pub(super) version: &'static str,
}

/// Lines for people: behind the time, by which lines of many are sorted.
impl FormatTime for Stamp {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        SystemTime.format_time(to)?;
        write!(to, " {} v{}", self.process, self.version)
    }
}

/// Lines for machines: two more fields of the object that `inner` writes.
#[derive(Debug)]
pub(super) struct Stamped<F> {
    inner: F,
    /// The object's beginning.
    head: String,
}

impl<F> Stamped<F> {
    pub(super) fn new(inner: F, stamp: Stamp) -> Self {
        let (process, version) = (stamp.process, stamp.version);
        Self {
            inner,
            head: format!(r#"{{"process":"{process}","version":"{version}","#),
        }
    }
}

impl<S, N, F> FormatEvent<S, N> for Stamped<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.inner.format_event(ctx, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(fields) => write!(to, "{}{fields}", self.head),
            None => to.write_str(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::logs::{Lines, lines};
    use super::*;
    use crate::settings::LogFormat;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt as _;

    const STAMP: Stamp = Stamp {
        process: "sms-sent",
        version: "1.2.3",
    };

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat) -> String {
        let page = Page::default();
        let to = page.clone();
        let layer: Lines<_> = lines(format, STAMP, move || to.clone(), false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("handle", queue = "sms-sent");
            span.in_scope(|| tracing::warn!(attempt = 2, "an \"odd\" thing"));
        });
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_for_machines_names_process_and_version_beside_all_else() {
        let line: serde_json::Value = serde_json::from_str(&written(LogFormat::Json)).unwrap();
        for (field, value) in [
            ("process", "sms-sent"),
            ("version", "1.2.3"),
            ("level", "WARN"),
            ("message", "an \"odd\" thing"),
        ] {
            assert_eq!(line[field], value, "{line}");
        }
        assert_eq!(line["attempt"], 2);
        assert_eq!(line["span"]["queue"], "sms-sent");
    }

    #[test]
    fn a_line_for_people_names_them_behind_the_time() {
        let line = written(LogFormat::Human);
        let mut words = line.split_whitespace();
        assert!(words.next().is_some_and(|time| time.ends_with('Z')), "{line}");
        let next: Vec<&str> = words.take(3).collect();
        assert_eq!(next, ["sms-sent", "v1.2.3", "WARN"], "{line}");
    }
}
