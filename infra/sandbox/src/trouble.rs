//! Trouble made to order: what spoils the next answers of each outside party, and for how many calls.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// An order for trouble, as it comes to `POST /sandbox/trouble`. `calls` is how many are spoiled, for
/// whatever else is named beside it; 1 where it is missing, 0 to call a thing off.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// HTTP status of the gateway's next answers; nothing is done for the calls.
    pub status: Option<u16>,
    /// HTTP status of the SMS provider's next answers; nothing is sent.
    pub sms_status: Option<u16>,
    /// What happens to the next mails.
    pub smtp: Option<SmtpTrouble>,
    /// What happens to the next webhooks.
    pub webhooks: Option<WebhookTrouble>,
    /// How many calls, mails or webhooks are spoiled.
    pub calls: Option<u32>,
    /// The next success is one of this amount (minor units), whatever was asked.
    pub amount: Option<u64>,
    /// The next success costs the customer so much (minor units) on top of what was asked.
    pub customer_fee: Option<u64>,
}

/// How the mail relay fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpTrouble {
    /// Refused for now (451): the mail is to be sent again.
    Reject,
    /// Refused for good (550).
    Refuse,
    /// Taken and listed, then the connection is dropped without a word: a repeat is a second mail.
    Drop,
}

/// How webhooks go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookTrouble {
    /// None is sent.
    Never,
    /// Each is sent twice.
    Twice,
    /// Sent, and taken or refused, before the charge that causes it is answered.
    Early,
    /// Signed with a key that is not ours.
    Forged,
    /// Rightly signed, with an amount one higher than the charge's.
    WrongAmount,
}

/// What is yet to be spoiled.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<Open>);

#[derive(Debug, Default, Clone, Serialize)]
struct Open {
    gateway: Option<Countdown<u16>>,
    sms: Option<Countdown<u16>>,
    smtp: Option<Countdown<SmtpTrouble>>,
    webhooks: Option<Countdown<WebhookTrouble>>,
    amount: Option<u64>,
    customer_fee: Option<u64>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Countdown<T> {
    what: T,
    calls: u32,
}

impl Trouble {
    /// Takes an order; what it does not name goes on as it was.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the order: nothing named, or no error status.
    pub fn order(&self, order: &Order) -> Result<(), &'static str> {
        let statuses = [order.status, order.sms_status];
        if statuses
            .iter()
            .flatten()
            .any(|status| !(400..=599).contains(status))
        {
            return Err("a status is between 400 and 599");
        }
        let nothing = statuses.iter().all(Option::is_none)
            && order.smtp.is_none()
            && order.webhooks.is_none()
            && order.amount.is_none()
            && order.customer_fee.is_none();
        if nothing {
            return Err("name one of status, sms_status, smtp, webhooks, amount, customer_fee");
        }
        let calls = order.calls.unwrap_or(1);
        let mut open = self.lock();
        replace(&mut open.gateway, order.status, calls);
        replace(&mut open.sms, order.sms_status, calls);
        replace(&mut open.smtp, order.smtp, calls);
        replace(&mut open.webhooks, order.webhooks, calls);
        open.amount = order.amount.or(open.amount);
        open.customer_fee = order.customer_fee.or(open.customer_fee);
        Ok(())
    }

    /// The status to answer this gateway call with, if it is to be spoiled.
    pub fn gateway(&self) -> Option<u16> {
        count(&mut self.lock().gateway)
    }

    /// The status to answer this SMS call with, if it is to be spoiled.
    pub fn sms(&self) -> Option<u16> {
        count(&mut self.lock().sms)
    }

    /// What happens to this mail, if it is to be spoiled.
    pub fn smtp(&self) -> Option<SmtpTrouble> {
        count(&mut self.lock().smtp)
    }

    /// What happens to this webhook, if it is to be spoiled.
    pub fn webhook(&self) -> Option<WebhookTrouble> {
        count(&mut self.lock().webhooks)
    }

    /// What this success reports, both in minor units: the amount charged and the amount asked for.
    pub fn amounts(&self, asked_minor: u64) -> (u64, u64) {
        let mut open = self.lock();
        let asked_minor = open.amount.take().unwrap_or(asked_minor);
        (
            asked_minor.saturating_add(open.customer_fee.take().unwrap_or(0)),
            asked_minor,
        )
    }

    /// Calls everything off.
    pub fn clear(&self) {
        *self.lock() = Open::default();
    }

    /// What is still to come, as JSON.
    pub fn pending(&self) -> serde_json::Value {
        serde_json::json!(*self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replace<T>(open: &mut Option<Countdown<T>>, what: Option<T>, calls: u32) {
    if let Some(what) = what {
        *open = (calls > 0).then_some(Countdown { what, calls });
    }
}

fn count<T: Copy>(open: &mut Option<Countdown<T>>) -> Option<T> {
    let Countdown { what, calls } = (*open)?;
    *open = (calls > 1).then(|| Countdown {
        what,
        calls: calls - 1,
    });
    Some(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_calls_are_spoiled_as_were_ordered() {
        let trouble = Trouble::default();
        trouble
            .order(&Order {
                status: Some(429),
                calls: Some(2),
                ..Order::default()
            })
            .unwrap();
        assert_eq!(
            [trouble.gateway(), trouble.gateway(), trouble.gateway()],
            [Some(429), Some(429), None]
        );
        assert_eq!(trouble.sms(), None);
    }

    #[test]
    fn a_wrong_amount_is_reported_as_asked_for_and_a_customers_fee_is_not() {
        let trouble = Trouble::default();
        trouble
            .order(&Order {
                amount: Some(7),
                ..Order::default()
            })
            .unwrap();
        assert_eq!([trouble.amounts(100), trouble.amounts(100)], [(7, 7), (100, 100)]);
        trouble
            .order(&Order {
                customer_fee: Some(3),
                ..Order::default()
            })
            .unwrap();
        assert_eq!(trouble.amounts(100), (103, 100));
    }

    #[test]
    fn an_order_for_nothing_is_refused() {
        assert!(Trouble::default().order(&Order::default()).is_err());
        assert!(
            Trouble::default()
                .order(&Order {
                    status: Some(200),
                    ..Order::default()
                })
                .is_err()
        );
    }
}
