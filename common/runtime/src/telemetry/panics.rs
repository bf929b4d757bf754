//! Panics: said on one line, with where and what, and never with what was in hand.
//!
//! Left out: what follows. A panic ends a message's handler, not a worker; it ends an operator's command.

use std::io::Write as _;
use std::panic::{PanicHookInfo, set_hook};

/// A panic is a line of the log like any other.
pub(super) fn in_the_log() {
    set_hook(Box::new(|panic| {
        let (place, words) = (place(panic), words(panic));
        tracing::error!(place, words, "panic");
    }));
}

/// Of a program that keeps no log: one line on standard error, which begins with its name.
pub fn panics_on_standard_error(name: &'static str) {
    set_hook(Box::new(move |panic| {
        // Nothing can be said where nobody listens.
        let _unheard = std::io::stderr().write_all(line(name, panic).as_bytes());
    }));
}

fn line(name: &str, panic: &PanicHookInfo<'_>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let (place, words) = (place(panic), words(panic));
    format!("{name} v{version}: a mistake in the program, at {place}: {words}\n")
}

fn place(panic: &PanicHookInfo<'_>) -> String {
    panic.location().map(ToString::to_string).unwrap_or_default()
}

fn words<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    panic.payload_as_str().map_or("without a word", harmless)
}

/// A panic's words, as far as they are the programmer's own: what they are about follows behind a mark.
fn harmless(words: &str) -> &str {
    words
        .split(['`', '"', ':', '\''])
        .next()
        .unwrap_or_default()
        .trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_panic_of_a_command_is_one_line_without_what_it_had_in_hand() {
        let (to, lines) = mpsc::channel();
        let usual = std::panic::take_hook();
        set_hook(Box::new(move |panic| {
            // Of this thread alone: others may fail meanwhile.
            if panic
                .payload_as_str()
                .is_some_and(|words| words.contains("hardtoguess"))
            {
                let _gone = to.send(line("fleetctl", panic));
            } else {
                usual(panic);
            }
        }));
        let parsed = std::panic::catch_unwind(|| "hardtoguess".parse::<u8>().expect("\"hardtoguess\""));
        assert!(parsed.is_err());
        let secret: Result<u8, String> = "x".parse().map_err(|_| "hardtoguess".to_owned());
        let parsed = std::panic::catch_unwind(|| secret.unwrap());
        assert!(parsed.is_err());
        drop(std::panic::take_hook());
        let lines: Vec<String> = lines.try_iter().collect();
        assert_eq!(lines.len(), 2);
        for line in lines {
            assert!(
                line.starts_with("fleetctl v") && line.contains("panics.rs:"),
                "{line}"
            );
            assert!(
                !line.contains("hardtoguess") && line.lines().count() == 1,
                "{line}"
            );
        }
    }

    #[test]
    fn a_panic_tells_what_happened_and_not_with_what() {
        for (words, told) in [
            (
                "attempt to subtract with overflow",
                "attempt to subtract with overflow",
            ),
            (
                "index out of bounds: the len is 3 but the index is 5",
                "index out of bounds",
            ),
            (
                "called `Result::unwrap()` on an `Err` value: Bad(\"+27820000001\")",
                "called",
            ),
            (
                "byte index 5 is not a char boundary; it is inside 'é' of `+2782é`",
                "byte index 5 is not a char boundary; it is inside",
            ),
        ] {
            assert_eq!(harmless(words), told);
        }
    }
}
