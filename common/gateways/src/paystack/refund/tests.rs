//! Answers to giving back and forgetting, and what they are read as.

use super::*;
use crate::paystack::samples::{json as answer, refusal};
use serde_json::{Value, json};

fn giving_back(http: u16, body: &Value) -> Refunded {
    read(answer(http, body))
}

#[test]
fn v1_a_refund_that_is_taken_on_has_an_id_and_an_amount_in_either_shape() {
    for amount in [json!(247), json!("247")] {
        let data = json!({"id": 3_018_284, "status": "pending", "amount": amount, "transaction": {"reference": "x"}});
        let body = json!({"status": true, "message": "Refund has been queued for processing", "data": data});
        let wanted = Refunded::Taken {
            id: "3018284".to_owned(),
            amount_minor: Some(247),
            status: "pending".to_owned(),
        };
        assert_eq!(giving_back(200, &body), wanted, "{amount}");
    }
}

#[test]
fn v1_a_refund_is_refused_in_words_or_unknown() {
    let refused = giving_back(
        400,
        &refusal("Transaction has been fully reversed", "transaction_reversed"),
    );
    let reason = "the payment gateway gives nothing back: Transaction has been fully reversed".to_owned();
    assert_eq!(refused, Refunded::Refused { reason });
    for (http, body) in [
        (200, json!({"status": true, "message": "m"})),
        (200, json!({"status": true, "data": {"amount": 5}})),
        (502, json!({})),
    ] {
        let read = giving_back(http, &body);
        assert!(
            matches!(read, Refunded::Unknown { .. }),
            "{http} {body}: {read:?}"
        );
    }
    let read = giving_back(429, &json!({}));
    assert!(matches!(read, Refunded::OurTrouble(_)), "{read:?}");
}

#[test]
fn p3_a_card_that_the_gateway_does_not_have_is_forgotten() {
    let forgetting = |http, body: &Value| read_withdrawal(answer(http, body));
    let taken = json!({"status": true, "message": "Authorization has been deactivated"});
    assert_eq!(forgetting(200, &taken), Deactivated::Done);
    let unknown_card = refusal("Authorization code does not exist", "invalid_params");
    assert_eq!(forgetting(400, &unknown_card), Deactivated::Done);
    let refused = forgetting(400, &refusal("No", "invalid_params"));
    assert!(matches!(refused, Deactivated::Refused { .. }), "{refused:?}");
    for (http, body) in [(503, taken), (302, json!({})), (200, unknown_card)] {
        let read = forgetting(http, &body);
        assert!(
            matches!(read, Deactivated::Unknown { .. }),
            "{http} {body}: {read:?}"
        );
    }
}
