//! `lifecycle.md` shows the table as it is: its pictures and tables are written from the code, and compared with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use topup_rules::lifecycle::{Event, PaymentKind, Step, payment, topup};
use topup_rules::topup::{PaymentState, TopupState};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lifecycle.md");
/// Set to anything, it makes the test write the page instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

/// A half of the table, with its names as text.
struct Half {
    states: Vec<&'static str>,
    /// By event, then by state.
    steps: BTreeMap<(Event, &'static str), Cell>,
}

enum Cell {
    Go {
        to: &'static str,
        effects: Vec<&'static str>,
    },
    Nothing,
    Later,
    Never,
}

impl Half {
    fn of<S: Copy>(states: &[S], name: fn(S) -> &'static str, step: impl Fn(S, Event) -> Step<S>) -> Self {
        let cell = |state, event| match step(state, event) {
            Step::Go { to, effects } => Cell::Go {
                to: name(to),
                effects: effects.iter().map(|effect| effect.as_str()).collect(),
            },
            Step::Nothing(_) => Cell::Nothing,
            Step::Later(_) => Cell::Later,
            Step::Never => Cell::Never,
        };
        let steps = Event::ALL
            .iter()
            .flat_map(|event| states.iter().map(move |state| (*event, *state)))
            .map(|(event, state)| ((event, name(state)), cell(state, event)))
            .collect();
        Self {
            states: states.iter().map(|state| name(*state)).collect(),
            steps,
        }
    }

    fn of_payment(kind: PaymentKind) -> Self {
        Self::of(PaymentState::ALL, PaymentState::as_str, |state, event| {
            payment(kind, state, event)
        })
    }

    fn of_topup() -> Self {
        Self::of(TopupState::ALL, TopupState::as_str, topup)
    }

    fn goes(&self, event: Event, state: &'static str) -> Option<&'static str> {
        match &self.steps[&(event, state)] {
            Cell::Go { to, .. } => Some(to),
            Cell::Nothing | Cell::Later | Cell::Never => None,
        }
    }

    /// The arrows of a picture: from, to, and the events that they stand for. An event that leads all of the box's
    /// states to the same one outside is one arrow from the box.
    fn arrows(
        &self,
        events: &[Event],
        boxed: &[&'static str],
    ) -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
        let mut arrows: Vec<(&str, &str, Vec<&str>)> = Vec::new();
        let mut draw =
            |from, to, event: Event| match arrows.iter_mut().find(|(f, t, _)| (*f, *t) == (from, to)) {
                Some((_, _, events)) => events.push(event.as_str()),
                None => arrows.push((from, to, vec![event.as_str()])),
            };
        for event in events.iter().copied() {
            let of_box = boxed
                .first()
                .and_then(|state| self.goes(event, state))
                .filter(|to| {
                    !boxed.contains(to) && boxed.iter().all(|state| self.goes(event, state) == Some(to))
                });
            if let Some(to) = of_box {
                draw(BOX, to, event);
            }
            for state in &self.states {
                let drawn = of_box.is_some() && boxed.contains(state);
                if let Some(to) = self.goes(event, state).filter(|_| !drawn) {
                    draw(state, to, event);
                }
            }
        }
        arrows
    }

    fn picture(&self, picture: &Picture) -> String {
        let arrows = self.arrows(picture.events, picture.boxed);
        let mut text = String::from("```mermaid\nstateDiagram-v2\n");
        let inside = |state: &str| picture.boxed.contains(&state);
        let begins = picture.begins.map(|begins| format!("[*] --> {begins}\n"));
        if picture.boxed.is_empty() {
            let _ = write!(text, "    {}", begins.unwrap_or_default());
        } else {
            let _ = writeln!(text, "    state {BOX} {{");
            if let Some(begins) = begins {
                let _ = write!(text, "        {begins}");
            }
            for (from, to, events) in arrows.iter().filter(|(from, to, _)| inside(from) && inside(to)) {
                let _ = writeln!(text, "        {from} --> {to} : {}", events.join(", "));
            }
            for state in picture.boxed {
                let alone = arrows
                    .iter()
                    .all(|(from, to, _)| from != state && to != state || !(inside(from) && inside(to)));
                if alone {
                    let _ = writeln!(text, "        {state}");
                }
            }
            text.push_str("    }\n");
        }
        for (from, to, events) in arrows
            .iter()
            .filter(|(from, to, _)| !(inside(from) && inside(to)))
        {
            let _ = writeln!(text, "    {from} --> {to} : {}", events.join(", "));
        }
        text.push_str("```\n");
        text
    }

    /// Where every event leads from every state.
    fn matrix(&self) -> String {
        let mut text = format!("| event | {} |\n| --- |", self.states.join(" | "));
        text.push_str(&" --- |".repeat(self.states.len()));
        text.push('\n');
        for event in Event::ALL.iter().copied() {
            let cells: Vec<&str> = self
                .states
                .iter()
                .map(|state| match &self.steps[&(event, *state)] {
                    Cell::Go { to, .. } => to,
                    Cell::Nothing => "=",
                    Cell::Later => "later",
                    Cell::Never => "",
                })
                .collect();
            let _ = writeln!(text, "| `{event}` | {} |", cells.join(" | "));
        }
        text
    }

    /// What follows from each step; those with the same end and the same effects share a row.
    fn effects(&self) -> String {
        let mut rows: Vec<(Event, &str, &[&str], Vec<&str>)> = Vec::new();
        for event in Event::ALL.iter().copied() {
            for state in &self.states {
                let Cell::Go { to, effects } = &self.steps[&(event, *state)] else {
                    continue;
                };
                let row = rows
                    .iter_mut()
                    .find(|(e, t, f, _)| (*e, *t, *f) == (event, *to, &**effects));
                match row {
                    Some((_, _, _, from)) => from.push(state),
                    None => rows.push((event, to, effects, vec![state])),
                }
            }
        }
        let mut text = String::from("| event | from | to | what follows |\n| --- | --- | --- | --- |\n");
        for (event, to, effects, from) in rows {
            let _ = writeln!(
                text,
                "| `{event}` | {} | {to} | {} |",
                from.join(", "),
                effects.join(", ")
            );
        }
        text
    }
}

/// The name of a picture's box.
const BOX: &str = "open";

struct Picture {
    /// Where it begins, if this picture shows that.
    begins: Option<&'static str>,
    events: &'static [Event],
    /// States that stand in the box.
    boxed: &'static [&'static str],
}

/// A top-up's life in three pictures. Each event is in one of them.
const WAKING: Picture = Picture {
    begins: Some("requested"),
    events: &[
        Event::Wait,
        Event::Charge,
        Event::Move,
        Event::CannotCharge,
        Event::NotWanted,
        Event::OurTrouble,
    ],
    boxed: &[],
};
const CHARGED: Picture = Picture {
    begins: None,
    events: &[
        Event::Captured,
        Event::Refused,
        Event::Challenged,
        Event::Processing,
        Event::NoVerdict,
        Event::NotKnown,
        Event::OutOfTime,
    ],
    boxed: &["scheduled", "charging", "pending", "unknown", "parked"],
};
const GIVEN_BACK: Picture = Picture {
    begins: None,
    events: REVERSALS,
    boxed: &["scheduled", "charging", "pending", "unknown", "parked"],
};
const REVERSALS: &[Event] = &[
    Event::ReversedInPart,
    Event::ReversedWhole,
    Event::CameAndWent,
    Event::DisputeOpened,
    Event::DisputeWon,
];

/// A payment's life in two. Each event is in one of them.
const PAYMENT: Picture = Picture {
    begins: Some("charging"),
    events: &[
        Event::Wait,
        Event::Charge,
        Event::Move,
        Event::CannotCharge,
        Event::NotWanted,
        Event::OurTrouble,
        Event::Captured,
        Event::Refused,
        Event::Challenged,
        Event::Processing,
        Event::NoVerdict,
        Event::NotKnown,
        Event::OutOfTime,
    ],
    boxed: &["charging", "pending", "unknown", "parked"],
};
const PAYMENT_GIVEN_BACK: Picture = Picture {
    begins: None,
    events: REVERSALS,
    boxed: PAYMENT.boxed,
};

fn page() -> String {
    let of_topup = Half::of_payment(PaymentKind::Topup);
    let of_purchase = Half::of_payment(PaymentKind::OneClick);
    let of_registration = Half::of_payment(PaymentKind::Registration);
    let topup = Half::of_topup();
    format!(
        "# The life of a top-up and of a payment\n\n\
         <!-- Written by `UPDATE_DOCS=1 cargo test -p topup-rules lifecycle_page`, which also checks that it is true. -->\n\n\
         An arrow is an event; arrows from the box `{BOX}` hold for every state in it. In the tables `=` means that nothing is \
         new, `later` that it can't be decided yet, and an empty cell that it can't happen.\n\n\
         ## A top-up\n\nWhen it wakes, it is decided again (C3):\n\n{waking}\n\
         Once its intent is committed, the gateway's word counts (C5 to C10). An arrow from `scheduled` is news of an earlier \
         try:\n\n{charged}\n\
         What is taken back (V1):\n\n{given_back}\n\
         {topup_matrix}\n{topup_effects}\n\
         ## A top-up's payment\n\nUntil it is settled:\n\n{payment}\n\
         What is taken back (V1), of a purchase's payment alike:\n\n{payment_given_back}\n\
         {payment_matrix}\n{payment_effects}\n\
         ## A purchase's payment\n\nWith a saved card and on the gateway's page alike (P4):\n\n\
         {purchase}\n{purchase_matrix}\n{purchase_effects}\n\
         ## A registration's payment\n\nIt goes where a purchase's goes, and buys nothing (E3):\n\n\
         {registration_matrix}\n{registration_effects}",
        waking = topup.picture(&WAKING),
        charged = topup.picture(&CHARGED),
        given_back = topup.picture(&GIVEN_BACK),
        topup_matrix = topup.matrix(),
        topup_effects = topup.effects(),
        payment = of_topup.picture(&PAYMENT),
        payment_given_back = of_topup.picture(&PAYMENT_GIVEN_BACK),
        payment_matrix = of_topup.matrix(),
        payment_effects = of_topup.effects(),
        purchase = of_purchase.picture(&PAYMENT),
        purchase_matrix = of_purchase.matrix(),
        purchase_effects = of_purchase.effects(),
        registration_matrix = of_registration.matrix(),
        registration_effects = of_registration.effects(),
    )
}

#[test]
fn the_page_shows_the_table_as_it_is() {
    let wanted = page();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(PAGE, wanted).unwrap();
        return;
    }
    assert_eq!(
        include_str!("../../lifecycle.md"),
        wanted,
        "run the tests of topup-rules with {UPDATE}=1 to write the page anew"
    );
}

#[test]
fn every_event_is_in_one_picture() {
    let shown = |pictures: &[Picture]| {
        let mut events: Vec<Event> = pictures
            .iter()
            .flat_map(|picture| picture.events)
            .copied()
            .collect();
        events.sort();
        events
    };
    assert_eq!(shown(&[WAKING, CHARGED, GIVEN_BACK]), Event::ALL);
    assert_eq!(shown(&[PAYMENT, PAYMENT_GIVEN_BACK]), Event::ALL);
}

#[test]
fn what_is_drawn_once_is_alike() {
    let drawn = |kind, picture| Half::of_payment(kind).picture(picture);
    let once = drawn(PaymentKind::Topup, &PAYMENT_GIVEN_BACK);
    for kind in [PaymentKind::OneClick, PaymentKind::Hosted] {
        assert_eq!(drawn(kind, &PAYMENT_GIVEN_BACK), once);
    }
    assert_eq!(
        drawn(PaymentKind::OneClick, &PAYMENT),
        drawn(PaymentKind::Hosted, &PAYMENT)
    );
}
