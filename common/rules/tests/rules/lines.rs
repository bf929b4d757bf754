//! The line to a payment gateway.

use crate::given::at;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use topup_rules::lines::{Admission, CallEnd, Line, LinePolicy, LineWait, admit, after_call};

const POLICY: LinePolicy = LinePolicy {
    per_minute: Some(3),
    troubles_to_close: 2,
    pause_first_s: 5,
    pause_max_s: 60,
};

fn start() -> Timestamp {
    at("2026-11-22T08:00:00Z")
}

fn second(s: i64) -> Timestamp {
    start() + SignedDuration::from_secs(s)
}

/// A line that is told about in seconds.
struct Played {
    line: Line,
    policy: LinePolicy,
}

impl Played {
    fn new(policy: LinePolicy) -> Self {
        let line = Line::fresh(start());
        Self { line, policy }
    }

    fn admit(&mut self, s: i64) -> Admission {
        let (line, admission) = admit(&self.line, &self.policy, second(s));
        self.line = line;
        admission
    }

    fn ends(&mut self, end: CallEnd, s: i64) {
        self.line = after_call(&self.line, end, &self.policy, second(s));
    }
}

fn later(s: i64, why: LineWait) -> Admission {
    Admission::Later {
        until: second(s),
        why,
    }
}

#[test]
fn c9_beyond_the_limit_calls_are_spread_over_the_next_minutes() {
    let mut line = Played::new(POLICY);
    for _ in 0..3 {
        assert_eq!(line.admit(10), Admission::Now);
    }
    for _ in 0..3 {
        assert_eq!(line.admit(20), later(60, LineWait::Limit));
    }
    for _ in 0..3 {
        assert_eq!(line.admit(30), later(120, LineWait::Limit));
    }
    assert_eq!(line.admit(59), later(180, LineWait::Limit));
    // The next minute begins anew.
    for _ in 0..3 {
        assert_eq!(line.admit(60), Admission::Now);
    }
    assert_eq!(line.admit(60), later(120, LineWait::Limit));
    // A minute begins on the minute, however long nobody called.
    assert_eq!(line.admit(310), Admission::Now);
    assert_eq!(line.line.window_start, second(300));
}

#[test]
fn c9_without_a_limit_nothing_is_counted_out() {
    let mut line = Played::new(LinePolicy {
        per_minute: None,
        ..POLICY
    });
    line.line.used = u32::MAX;
    assert_eq!(line.admit(0), Admission::Now);
    let mut narrow = Played::new(LinePolicy {
        per_minute: Some(0),
        ..POLICY
    });
    assert_eq!(narrow.admit(0), Admission::Now, "0 means 1");
    assert_eq!(narrow.admit(0), later(60, LineWait::Limit));
}

#[test]
fn c9_so_many_troubles_in_a_row_close_the_line() {
    let mut line = Played::new(POLICY);
    line.ends(CallEnd::Trouble, 0);
    assert_eq!(line.admit(1), Admission::Now);
    line.ends(CallEnd::Answered, 1);
    line.ends(CallEnd::Trouble, 2);
    assert_eq!(line.admit(2), Admission::Now, "an answer ends the row");
    line.ends(CallEnd::Trouble, 3);
    assert_eq!(line.admit(3), later(8, LineWait::Closed));
    assert_eq!(line.admit(7), later(8, LineWait::Closed));
}

#[test]
fn c9_after_the_pause_one_call_tries_the_line_out() {
    let mut line = Played::new(POLICY);
    line.ends(CallEnd::Trouble, 0);
    line.ends(CallEnd::Trouble, 0);
    // What else was under way when it closed makes the pause no longer.
    for _ in 0..20 {
        line.ends(CallEnd::Trouble, 1);
    }
    assert_eq!(line.admit(4), later(5, LineWait::Closed));
    assert_eq!(line.admit(5), Admission::Now, "the probe");
    assert_eq!(line.admit(5), later(15, LineWait::Closed), "and no other");
    // It fails, or is not heard of in time: the next one comes after twice the pause, up to the longest.
    line.ends(CallEnd::Trouble, 6);
    assert_eq!(line.admit(6), later(15, LineWait::Closed));
    for (probe, next) in [(15, 35), (35, 75), (75, 135), (135, 195)] {
        assert_eq!(line.admit(probe), Admission::Now);
        assert_eq!(line.admit(probe + 1), later(next, LineWait::Closed));
    }
    // It is answered: open.
    line.ends(CallEnd::Answered, 137);
    assert_eq!(line.admit(138), Admission::Now);
    assert_eq!(line.line.troubles, 0);
}

#[test]
fn c9_a_gateway_that_wants_to_be_left_alone_is() {
    let mut line = Played::new(POLICY);
    line.ends(CallEnd::LeftAlone { for_s: 30 }, 0);
    line.ends(CallEnd::LeftAlone { for_s: 10 }, 1);
    assert_eq!(
        line.admit(1),
        later(30, LineWait::Closed),
        "the longer wish counts"
    );
    // Calls that were under way do not open it.
    line.ends(CallEnd::Answered, 2);
    assert_eq!(line.admit(2), later(30, LineWait::Closed));
    // After it, everybody may call again.
    assert_eq!(line.admit(30), Admission::Now);
    assert_eq!(line.admit(30), Admission::Now);
    // A wish is followed for five minutes at most.
    line.ends(CallEnd::LeftAlone { for_s: u32::MAX }, 31);
    assert_eq!(line.admit(32), later(331, LineWait::Closed));
}

#[test]
fn c9_a_clock_that_was_set_back_does_not_shut_the_line() {
    let mut line = Played::new(POLICY);
    for _ in 0..4 {
        line.admit(3_600);
    }
    assert_eq!(
        line.admit(3_599),
        later(3_660, LineWait::Limit),
        "a little: the same minute"
    );
    assert_eq!(line.admit(0), Admission::Now, "a lot: a new one");
}

#[test]
fn c9_what_a_call_waits_for_is_a_sentence() {
    let told = |why: LineWait| why.to_string();
    assert_eq!(
        told(LineWait::Limit),
        "the limit of calls to the payment gateway is reached"
    );
    assert_eq!(told(LineWait::Closed), "the payment gateway is not answering");
}

#[derive(Debug, Clone)]
enum Play {
    Ask,
    Ends(CallEnd),
    Wait(i64),
}

fn play() -> impl Strategy<Value = Play> {
    prop_oneof![
        6 => Just(Play::Ask),
        2 => Just(Play::Ends(CallEnd::Answered)),
        2 => Just(Play::Ends(CallEnd::Trouble)),
        1 => (0_u32..500).prop_map(|for_s| Play::Ends(CallEnd::LeftAlone { for_s })),
        4 => (0_i64..90).prop_map(Play::Wait),
    ]
}

proptest! {
    /// Whatever happens, no minute of the line lets more calls through than the limit.
    #[test]
    fn c9_never_more_than_the_limit_in_a_minute(plays in prop::collection::vec(play(), 0..300), limit in 1_u32..5) {
        let mut line = Played::new(LinePolicy { per_minute: Some(limit), ..POLICY });
        let mut now_s = 0;
        let mut through = std::collections::HashMap::<i64, u32>::new();
        for play in plays {
            match play {
                Play::Ask => {
                    if line.admit(now_s) == Admission::Now {
                        *through.entry(now_s / 60).or_default() += 1;
                    }
                }
                Play::Ends(end) => line.ends(end, now_s),
                Play::Wait(s) => now_s += s,
            }
        }
        prop_assert!(through.values().all(|calls| *calls <= limit), "{through:?}");
    }

    /// Who is told to wait is told a moment to come, and not a far one.
    #[test]
    fn c9_a_wait_is_bounded_and_ends(plays in prop::collection::vec(play(), 0..100)) {
        let mut line = Played::new(POLICY);
        let mut now_s = 0;
        let mut asked = 0;
        for play in plays {
            match play {
                Play::Ask => {
                    asked += 1;
                    if let Admission::Later { until, why } = line.admit(now_s) {
                        let wait_s = until.duration_since(second(now_s)).as_secs();
                        let longest_s = match why {
                            LineWait::Closed => 300,
                            LineWait::Limit => 60 * (asked / 3 + 1),
                        };
                        prop_assert!((1..=longest_s).contains(&wait_s), "{wait_s} s for {why:?}");
                    }
                }
                Play::Ends(end) => line.ends(end, now_s),
                Play::Wait(s) => now_s += s,
            }
        }
        // Left in peace, the line lets somebody through.
        prop_assert_eq!(line.admit(now_s + 300), Admission::Now);
    }

    /// A closed line lets one call through in each pause, however many ask.
    #[test]
    fn c9_one_probe_in_each_pause(asks in prop::collection::vec(0_i64..3, 1..200)) {
        let mut line = Played::new(LinePolicy { per_minute: None, ..POLICY });
        line.ends(CallEnd::Trouble, 0);
        line.ends(CallEnd::Trouble, 0);
        let mut now_s = 0;
        let mut probes = Vec::new();
        for wait_s in asks {
            now_s += wait_s;
            if line.admit(now_s) == Admission::Now {
                probes.push(now_s);
            }
        }
        prop_assert!(probes.windows(2).all(|pair| pair[1] - pair[0] >= 5), "{probes:?}");
        prop_assert!(probes.iter().all(|s| *s >= 5), "{probes:?}");
    }
}
