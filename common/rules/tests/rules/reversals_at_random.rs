//! V1: whatever is told of refunds and disputes, in whatever order and however often.

use crate::given::zar;
use crate::reversals::{captured, says, settled};
use proptest::prelude::*;
use std::collections::HashMap;
use topup_rules::credits::Credits;
use topup_rules::message::{PaymentResult, PaymentStatus};
use topup_rules::settle::{PaymentIntent, ReversalRow, ReversalState, Settlement};
use topup_rules::topup::PaymentState;

/// What a store keeps of one payment: enough to play any story of reversals through the rules.
struct Books {
    intent: PaymentIntent,
    rows: HashMap<String, ReversalRow>,
}

impl Books {
    fn of(quantity_milli: i64, amount_minor: i64) -> Self {
        let intent = PaymentIntent {
            quantity: Credits::from_milli(quantity_milli),
            amount: zar(amount_minor),
            ..captured()
        };
        Self {
            intent,
            rows: HashMap::new(),
        }
    }

    fn held(&self) -> i64 {
        self.rows.values().map(|row| row.held.milli()).sum()
    }

    fn row(&mut self, id: &str, state: ReversalState, amount_minor: i64, held: Credits) {
        let row = ReversalRow {
            state,
            amount_minor,
            held,
        };
        self.rows.insert(id.to_owned(), row);
    }

    /// Does as told, and says what was told.
    fn hear(&mut self, result: &PaymentResult) -> Settlement {
        self.intent.reversal = result
            .reversal_id
            .as_deref()
            .and_then(|id| self.rows.get(id).copied());
        let settlement = settled(&self.intent, result);
        match &settlement {
            Settlement::TakeBack(take) => {
                self.intent.reversed_minor += take.amount_minor;
                self.intent.taken_back = self.intent.taken_back.checked_add(take.credits).unwrap();
                if take.whole {
                    self.intent.state = PaymentState::Reversed;
                }
                self.row(
                    &take.reversal_id,
                    ReversalState::Reversed,
                    take.amount_minor,
                    Credits::ZERO,
                );
            }
            Settlement::Hold {
                amount_minor,
                credits,
                reversal_id,
            } => self.row(reversal_id, ReversalState::Disputed, *amount_minor, *credits),
            Settlement::Release {
                amount_minor,
                credits,
                reversal_id,
            } => {
                let held = self.rows.get(reversal_id).map_or(Credits::ZERO, |row| row.held);
                assert_eq!(held, *credits, "what is released was held");
                self.row(reversal_id, ReversalState::Won, *amount_minor, Credits::ZERO);
            }
            Settlement::Nothing(_) | Settlement::Park(_) => {}
            Settlement::Credit { .. }
            | Settlement::Fail { .. }
            | Settlement::StillOpen { .. }
            | Settlement::CameAndWent { .. }
            | Settlement::Later(_)
            | Settlement::Register { .. }
            | Settlement::NotGivenBack { .. } => panic!("a captured payment is not {settlement:?}"),
        }
        settlement
    }

    /// V1, in one line.
    fn check(&self) -> Result<(), TestCaseError> {
        let intent = &self.intent;
        prop_assert!((0..=intent.amount.amount_minor).contains(&intent.reversed_minor));
        let expected = i128::from(intent.quantity.milli()) * i128::from(intent.reversed_minor)
            / i128::from(intent.amount.amount_minor);
        prop_assert_eq!(i128::from(intent.taken_back.milli()), expected);
        let whole = intent.reversed_minor == intent.amount.amount_minor;
        prop_assert_eq!(intent.state == PaymentState::Reversed, whole);
        let sum: i64 = self
            .rows
            .values()
            .filter(|row| row.state == ReversalState::Reversed)
            .map(|row| row.amount_minor)
            .sum();
        prop_assert_eq!(sum, intent.reversed_minor);
        Ok(())
    }
}

/// Anything that may be told of a captured payment: few names, so that they meet.
fn told() -> impl Strategy<Value = PaymentResult> {
    let status = prop_oneof![
        3 => Just(PaymentStatus::Reversed),
        1 => Just(PaymentStatus::DisputeOpened),
        1 => Just(PaymentStatus::DisputeWon),
    ];
    let id = prop_oneof![
        20 => (0_u8..6).prop_map(|id| Some(format!("x-{id}"))),
        1 => Just(None),
    ];
    let amount_minor =
        prop_oneof![8 => (1_i64..400).prop_map(Some), 1 => (-5_i64..2_000).prop_map(Some), 1 => Just(None)];
    (status, id, amount_minor)
        .prop_map(|(status, id, amount_minor)| says(status, id.as_deref(), amount_minor))
}

proptest! {
    /// Whatever is told, in whatever order and however often: the credits taken are those of the money that went back.
    #[test]
    fn v1_credits_follow_the_money(
        quantity_milli in 1_i64..2_000_000,
        amount_minor in 1_i64..1_000,
        story in prop::collection::vec(told(), 0..40),
    ) {
        let mut books = Books::of(quantity_milli, amount_minor);
        for result in &story {
            books.hear(result);
            books.check()?;
        }
    }

    /// A story that is told all over again changes nothing.
    #[test]
    fn v1_a_repeat_does_nothing(story in prop::collection::vec(told(), 0..20)) {
        let mut books = Books::of(500_000, 1_000);
        for result in &story {
            books.hear(result);
            let (reversed_minor, held) = (books.intent.reversed_minor, books.held());
            let again = books.hear(result);
            prop_assert!(
                matches!(again, Settlement::Nothing(_) | Settlement::Park(_)),
                "{:?}", again
            );
            prop_assert_eq!((books.intent.reversed_minor, books.held()), (reversed_minor, held));
        }
    }

    /// However a whole refund is split, and in whatever order its parts come, it takes exactly what was bought.
    #[test]
    fn v1_any_split_in_any_order_takes_the_same(
        quantity_milli in 1_i64..2_000_000_000,
        parts in prop::collection::vec(1_i64..10_000, 1..30).prop_shuffle(),
    ) {
        let mut books = Books::of(quantity_milli, parts.iter().sum());
        for (number, part) in parts.iter().enumerate() {
            let id = format!("refund-{number}");
            books.hear(&says(PaymentStatus::Reversed, Some(&id), Some(*part)));
            books.check()?;
        }
        prop_assert_eq!(books.intent.taken_back, books.intent.quantity);
        prop_assert_eq!(books.intent.state, PaymentState::Reversed);
    }

    /// Every dispute that ended holds nothing, whatever was refunded meanwhile.
    #[test]
    fn v1_nothing_is_held_once_every_dispute_has_ended(
        story in prop::collection::vec(told(), 0..40),
        lost in prop::collection::vec(any::<bool>(), 6),
    ) {
        let mut books = Books::of(500_000, 1_000);
        for result in &story {
            books.hear(result);
        }
        for (number, lost) in lost.into_iter().enumerate() {
            let status = if lost { PaymentStatus::Reversed } else { PaymentStatus::DisputeWon };
            books.hear(&says(status, Some(&format!("x-{number}")), Some(1)));
        }
        prop_assert_eq!(books.held(), 0);
    }
}
