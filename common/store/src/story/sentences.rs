//! A plain sentence for each fact. What is not known is left out.

use super::Fact;
use std::fmt;

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested {
                event_id,
                cost,
                balance,
                threshold,
                method,
                quantity,
                price,
            } => {
                write!(f, "event {event_id}")?;
                optional(f, " of ", cost.as_ref())?;
                write!(f, " left {balance} credits")?;
                optional(f, ", at or below the threshold of ", threshold.as_ref())?;
                write!(f, ": {quantity} credits are asked for by {method}")?;
                optional(f, " for ", price.as_ref())
            }
            Self::Scheduled {
                due_at,
                waits_for,
                reason,
            } => {
                f.write_str("waits")?;
                optional(f, " until ", due_at.as_ref())?;
                optional(f, " for top-up ", waits_for.as_ref())?;
                optional(f, ": ", reason.as_ref())
            }
            Self::Charging {
                reference,
                amount,
                card_last4,
            } => {
                f.write_str("is charged")?;
                optional(f, " ", amount.as_ref())?;
                optional(f, " on the card ending in ", card_last4.as_ref())?;
                optional(f, ", reference ", reference.as_ref())
            }
            Self::Called {
                reference: _,
                call,
                outcome,
                detail,
                took_ms,
            } => {
                write!(f, "the gateway's answer to {call}: {outcome}")?;
                optional(f, ", ", detail.as_ref())?;
                write!(f, " ({took_ms} ms)")
            }
            Self::StillOpen { state, reason } => {
                write!(f, "is {state}")?;
                optional(f, ": ", reason.as_ref())
            }
            Self::Ended {
                state,
                credits,
                reason,
                settled_by,
            } => {
                write!(f, "{state}")?;
                optional(f, ", credits came: ", credits.as_ref())?;
                optional(f, ": ", reason.as_ref())?;
                optional(f, ", settled by ", settled_by.as_ref())
            }
            Self::Bought {
                method,
                quantity,
                price,
                reference,
                card_last4,
                ..
            } => {
                write!(f, "{quantity} credits are bought for {price}, {method}")?;
                optional(f, ", on the card ending in ", card_last4.as_ref())?;
                write!(f, ", reference {reference}")
            }
            Self::Paid {
                state,
                credits,
                reason,
                settled_by,
                ..
            } => {
                write!(f, "the purchase's payment is {state}")?;
                optional(f, ", credits came: ", credits.as_ref())?;
                optional(f, ": ", reason.as_ref())?;
                optional(f, ", settled by ", settled_by.as_ref())
            }
            Self::Registering {
                threshold,
                quantity,
                amount,
                reference,
                ..
            } => write!(
                f,
                "a card is to be registered for {quantity} credits at {threshold}, by a charge of {amount}, reference \
                 {reference}"
            ),
            Self::Registered {
                outcome,
                card_last4,
                reason,
                settled_by,
                ..
            } => {
                write!(f, "the card's registration ended: {outcome}")?;
                optional(f, ", the card ends in ", card_last4.as_ref())?;
                optional(f, ": ", reason.as_ref())?;
                optional(f, ", settled by ", settled_by.as_ref())
            }
            Self::Disputed {
                reference,
                amount,
                held,
                reason,
                ..
            } => {
                write!(f, "{amount} of {reference} are disputed")?;
                optional(f, ", credits held for it: ", held.as_ref())?;
                optional(f, ": ", reason.as_ref())
            }
            Self::DisputeWon { reference, .. } => {
                write!(
                    f,
                    "the dispute about {reference} was won, its credits are available again"
                )
            }
            Self::NotGivenBack {
                reference,
                amount,
                reason,
                ..
            } => {
                write!(f, "{amount} of {reference} were to be given back, and were not")?;
                optional(f, ": ", reason.as_ref())
            }
            Self::Reversed {
                reference,
                amount,
                taken_back,
                reason,
                ..
            } => {
                write!(
                    f,
                    "{amount} of {reference} were given back, {taken_back} credits taken back"
                )?;
                optional(f, ": ", reason.as_ref())
            }
            Self::Disabled { reason } => write!(f, "auto top-up was disabled: {reason}"),
            Self::Notice {
                template,
                channel,
                to,
                state,
                detail,
                ..
            } => {
                write!(f, "notice {template} by {channel}")?;
                optional(f, " to ", to.as_ref())?;
                write!(f, ": {state}")?;
                optional(f, ", ", detail.as_ref())
            }
            Self::Stands {
                balance,
                available,
                auto_topup,
                threshold,
                open_topup,
            } => {
                write!(
                    f,
                    "stands at {balance} credits ({available} available), auto top-up {auto_topup}"
                )?;
                optional(f, ", threshold ", threshold.as_ref())?;
                optional(f, ", top-up under way: ", open_topup.as_ref())
            }
        }
    }
}

fn optional(f: &mut fmt::Formatter<'_>, before: &str, value: Option<&impl fmt::Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, "{before}{value}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topup_rules::money::Money;

    #[test]
    fn every_fact_is_a_sentence_and_leaves_out_what_is_not_known() {
        let scheduled = |due_at, reason: Option<&str>| {
            let reason = reason.map(str::to_owned);
            Fact::Scheduled {
                due_at,
                waits_for: None,
                reason,
            }
            .to_string()
        };
        assert_eq!(scheduled(None, None), "waits");
        let due_at = "2026-11-22T08:30:00Z".parse().ok();
        assert_eq!(
            scheduled(due_at, Some("too recent")),
            "waits until 2026-11-22T08:30:00Z: too recent"
        );

        let charging = Fact::Charging {
            reference: None,
            amount: Some(Money::new(35_247, "ZAR".parse().unwrap())),
            card_last4: Some("4081".to_owned()),
        };
        assert_eq!(
            charging.to_string(),
            "is charged ZAR 352.47 on the card ending in 4081"
        );
    }
}
