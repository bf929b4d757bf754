//! Every metric there is, and nothing that is not counted somewhere.
//!
//! This list is what the alert rules, the dashboard and the operators' page are held to by tests, and there is no other
//! way to count something. A process tells Prometheus of all that it can have when it starts, with closed labels from
//! 0 on. No label says whose something is: accounts are for logs.

use super::metric::{Counter, Gauge, Histogram, Kind, Label, Metric, Values};
use crate::broker::PublishError;
use crate::broker::topology::WORK_QUEUES;
use crate::consume::ParkClass;
use topup_rules::ids::ReferenceKind;
use topup_rules::lines::CallClass;
use topup_rules::message::{Channel, PaymentStatus};
use topup_rules::topup::{PaymentState, TopupState};

/// Every process.
const ALL: &[&str] = &[
    "sms-sent",
    "topup-requested",
    "payment-results",
    "notifications",
    "sweeper",
    "edge",
];
/// Who has a database.
const WITH_DATABASE: &[&str] = &[
    "sms-sent",
    "topup-requested",
    "payment-results",
    "notifications",
    "sweeper",
    "edge",
];
/// They are named after their queues.
const WORKERS: &[&str] = &WORK_QUEUES;
const SMS_SENT: &[&str] = &["sms-sent"];
const TOPUP_REQUESTED: &[&str] = &["topup-requested"];
/// Who charges cards: by themselves, and by one click.
const CHARGERS: &[&str] = &["topup-requested", "edge"];
const PAYMENT_RESULTS: &[&str] = &["payment-results"];
const NOTIFICATIONS: &[&str] = &["notifications"];
const SWEEPER: &[&str] = &["sweeper"];
const EDGE: &[&str] = &["edge"];

const QUEUE: Label = Label {
    name: "queue",
    values: Values::OwnQueue,
};
const ROUTE: Label = Label {
    name: "route",
    values: Values::Open("a path, with what varies in braces"),
};
const CURRENCY: Label = Label {
    name: "currency",
    values: Values::Open("ISO 4217"),
};
const OPEN_TOPUP_STATE: Label = Label::names("state", || {
    let open = TopupState::ALL.iter().filter(|state| state.is_open());
    open.map(|state| state.as_str()).collect()
});
const REFERENCE_KIND: Label = Label::names("kind", || {
    ReferenceKind::ALL.iter().map(|kind| kind.as_str()).collect()
});
const OPEN_PAYMENT_STATE: Label = Label::names("state", || {
    OPEN_PAYMENTS.iter().map(|state| state.as_str()).collect()
});
const TASK: Label = Label::these(
    "task",
    &[
        "outbox",
        "topups",
        "charges",
        "notices",
        "holds",
        "callers",
        "cards",
        "partitions",
        "history",
        "processes",
        "gauges",
    ],
);

/// Where an open payment can stand.
pub const OPEN_PAYMENTS: [PaymentState; 4] = [
    PaymentState::Charging,
    PaymentState::Pending,
    PaymentState::Unknown,
    PaymentState::Parked,
];

/// What a payment's status can be, and what it is where there is none.
fn statuses_and(others: &[&'static str]) -> Vec<&'static str> {
    let statuses = PaymentStatus::ALL.iter().map(|status| status.as_str());
    statuses.chain(others.iter().copied()).collect()
}

/// From a millisecond to half a minute.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// From a tenth of a second to a day.
const LONG_SECONDS: &[f64] = &[
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0,
];
/// From a lone message to the largest batch.
const MESSAGES_OF_A_BATCH: &[f64] = &[
    1.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_000.0, 5_000.0,
];

/// `counter NAME: "name" [labels] of PROCESSES;`, with the help as its documentation; a histogram says its buckets,
/// too. Makes a static for each, and the list of all.
macro_rules! list {
    ($($(#[doc = $help:literal])+ $kind:ident $id:ident: $name:literal [$($label:expr),*] of $processes:ident $(in $buckets:ident)?;)+) => {
        $(
            $(#[doc = $help])+
            pub static $id: list!(@type $kind { <[Label]>::len(&[$($label),*]) }) = list!(@make $kind)(Metric {
                name: $name,
                kind: list!(@kind $kind),
                labels: &[$($label),*],
                processes: $processes,
                help: concat!($($help),+),
                buckets: list!(@buckets $($buckets)?),
            });
        )+

        /// All of them.
        pub static LIST: &[&Metric] = &[$(&$id.0),+];
    };
    (@type counter $n:block) => { Counter<$n> };
    (@type gauge $n:block) => { Gauge<$n> };
    (@type histogram $n:block) => { Histogram<$n> };
    (@make counter) => { Counter };
    (@make gauge) => { Gauge };
    (@make histogram) => { Histogram };
    (@kind counter) => { Kind::Counter };
    (@kind gauge) => { Kind::Gauge };
    (@kind histogram) => { Kind::Histogram };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { $buckets };
}

list! {
    /// Always 1; its labels say which process of which version runs
    gauge BUILD_INFO: "topup_build_info" [] of ALL;
    /// Whether a part of the process has what it needs: what /readyz tells, 1 or 0
    gauge PART_READY: "topup_part_ready"
        [Label::these("part", &["database", "publisher", "consumer", "handler", "sweeper", "inquiries"])] of ALL;
    /// Publishes, by what the broker said of them
    counter PUBLISHES: "topup_publishes_total"
        [Label::these("result", &["confirmed", "unroutable", "refused", "down", "timed-out"])] of ALL;
    /// Time from publishing to the broker's confirm
    histogram PUBLISH_SECONDS: "topup_publish_seconds" [] of ALL in SECONDS;
    /// Broker sessions that ended without being asked to
    counter SESSIONS_LOST: "topup_sessions_lost_total" [Label::these("role", &["consume", "publish"])] of ALL;
    /// Spans of traces, by what became of them: `exported`; `refused` by the collector, or it did not answer; `dropped`
    /// because too many waited for it
    counter TRACE_SPANS: "topup_trace_spans_total"
        [Label::these("fate", &["exported", "refused", "dropped"])] of ALL;
    /// Connections of the process's pool, by what they do
    gauge DATABASE_CONNECTIONS: "topup_database_connections"
        [Label::these("state", &["in-use", "idle"])] of WITH_DATABASE;
    /// Connections that the pool may have
    gauge DATABASE_CONNECTIONS_MAX: "topup_database_connections_max" [] of WITH_DATABASE;
    /// Tasks that wait for a connection of the pool
    gauge DATABASE_WAITING: "topup_database_waiting" [] of WITH_DATABASE;
    /// Outbox rows, by what became of them: published right after their commit, or left to the sweeper
    counter OUTBOX_ROWS: "topup_outbox_rows_total" [Label::these("fate", &["published", "left"])] of WITH_DATABASE;

    /// Messages taken from a queue and dealt with; `delayed` ones came before their moment and went back to wait
    counter MESSAGES: "topup_messages_total"
        [QUEUE, Label::these("outcome", &["done", "retried", "parked", "unreadable", "delayed"])] of WORKERS;
    /// Messages that went to the dead letters, by the class of the reason
    counter PARKED: "topup_parked_total"
        [QUEUE, Label::names("class", || ParkClass::ALL.iter().map(|class| class.as_str()).collect())] of WORKERS;
    /// Time from taking a message, or a batch, to its outcome
    histogram HANDLE_SECONDS: "topup_handle_seconds" [QUEUE] of WORKERS in SECONDS;
    /// Age of a message that is taken for the first time and was not delayed; of a batch, its oldest
    histogram MESSAGE_AGE_SECONDS: "topup_message_age_seconds" [QUEUE] of WORKERS in LONG_SECONDS;
    /// How long after its moment a delayed message was taken
    histogram DELAY_LATE_SECONDS: "topup_delay_late_seconds" [QUEUE] of WORKERS in LONG_SECONDS;
    /// Times that a worker had to wait for the database with messages in hand
    counter DATABASE_WAITS: "topup_database_waits_total" [QUEUE] of WORKERS;
    /// Whether an operator has paused the queue: 1 or 0
    gauge QUEUE_PAUSED: "topup_queue_paused" [QUEUE] of WORKERS;
    /// Messages of one batch
    histogram BATCH_MESSAGES: "topup_batch_messages" [QUEUE] of SMS_SENT in MESSAGES_OF_A_BATCH;

    /// Sends that were debited
    counter SENDS_DEBITED: "topup_sends_debited_total" [] of SMS_SENT;
    /// Sends that had been debited before, and changed nothing
    counter SENDS_REPEATED: "topup_sends_repeated_total" [] of SMS_SENT;
    /// Top-ups that a debit triggered
    counter TOPUPS_REQUESTED: "topup_topups_requested_total" [] of SMS_SENT;
    /// Wallets that a send took across their low-credit threshold
    counter LOW_CREDIT_CROSSINGS: "topup_low_credit_crossings_total" [] of SMS_SENT;
    /// Wallets that a send took below zero
    counter WALLETS_BELOW_ZERO: "topup_wallets_below_zero_total" [] of SMS_SENT;

    /// Top-ups that woke and were not charged, by where they stand then: `scheduled` ones wait for their moment
    counter TOPUPS_WOKEN: "topup_topups_woken_total"
        [Label::these("state", &["scheduled", "succeeded", "failed", "skipped"])] of TOPUP_REQUESTED;
    /// Charges, by what the payment gateway answered; `unknown` without an answer, `our-trouble` where none was made
    counter CHARGES: "topup_charges_total"
        [Label::names("outcome", || statuses_and(&["our-trouble"]))] of CHARGERS;
    /// Time from a charge's call to its answer
    histogram CHARGE_SECONDS: "topup_charge_seconds" [] of CHARGERS in SECONDS;
    /// Time from the send that triggered a top-up to the call of its charge; `waited` where it was scheduled in between
    histogram EVENT_TO_CHARGE_SECONDS: "topup_event_to_charge_seconds"
        [Label::these("waited", &["yes", "no"])] of TOPUP_REQUESTED in LONG_SECONDS;

    /// Results of payments, by what was settled
    counter PAYMENTS_SETTLED: "topup_payments_settled_total"
        [Label::these("outcome", &["credited", "registered", "failed", "pending", "unknown", "reversed", "held", "not-given-back", "released", "repeat",
            "too-early", "misfit", "missing"])] of PAYMENT_RESULTS;
    /// Money that was captured and credited, in the currency's minor unit
    counter CAPTURED_MINOR: "topup_captured_minor_total" [CURRENCY] of PAYMENT_RESULTS;
    /// Money that was given back, and its credits taken back, in the currency's minor unit
    counter REVERSED_MINOR: "topup_reversed_minor_total" [CURRENCY] of PAYMENT_RESULTS;

    /// Tries to send a notice, by channel and by what its carrier said
    counter NOTICES: "topup_notices_total"
        [Label::names("channel", || Channel::ALL.iter().map(|channel| channel.as_str()).collect()),
         Label::these("outcome", &["accepted", "refused", "trouble", "skipped"])] of NOTIFICATIONS;

    /// Rows and messages that a task of the sweeper dealt with
    counter SWEPT: "topup_swept_total" [TASK] of SWEEPER;
    /// Tasks of the sweeper that failed
    counter SWEEP_FAILURES: "topup_sweep_failures_total" [TASK] of SWEEPER;
    /// Time of one sweep, all its tasks together
    histogram SWEEP_SECONDS: "topup_sweep_seconds" [] of SWEEPER in SECONDS;
    /// Questions to the payment gateway about open payments, by what it said; `put-off` where none was asked
    counter INQUIRIES: "topup_inquiries_total"
        [Label::names("outcome", || statuses_and(&["not-known", "our-trouble", "put-off"]))] of SWEEPER;
    /// Charges of card registrations that are to be given back, by what came of asking or looking; `put-off` where nothing
    /// was asked, `given-up` where a person has to see to it
    counter REFUNDS: "topup_refunds_total"
        [Label::these("outcome", &["taken", "refused", "unknown", "our-trouble", "given-back", "not-yet", "put-off",
            "given-up"])] of SWEEPER;
    /// Tokens of cards that no consent uses any more, by what came of asking the payment gateway to forget them
    counter TOKENS: "topup_tokens_total"
        [Label::these("outcome", &["forgotten", "kept", "our-trouble", "put-off", "given-up"])] of SWEEPER;
    /// Payments whose end nobody but a person can find out
    counter PAYMENTS_PARKED: "topup_payments_parked_total" [] of SWEEPER;
    /// Days that could not be compared with the payment gateway's list
    counter RECONCILIATION_FAILURES: "topup_reconciliation_failures_total" [] of SWEEPER;
    /// Differences of the three days that were compared last which a person has to look at
    gauge RECONCILIATION_FOR_A_PERSON: "topup_reconciliation_for_a_person" [] of SWEEPER;
    /// Rows in the outbox
    gauge OUTBOX_WAITING: "topup_outbox_rows" [] of SWEEPER;
    /// Age of the oldest row in the outbox
    gauge OUTBOX_OLDEST_SECONDS: "topup_outbox_oldest_seconds" [] of SWEEPER;
    /// Top-ups that are open, by where they stand
    gauge TOPUPS_OPEN: "topup_topups_open" [OPEN_TOPUP_STATE] of SWEEPER;
    /// Age of the oldest top-up that stands there
    gauge TOPUPS_OPEN_OLDEST_SECONDS: "topup_topups_open_oldest_seconds" [OPEN_TOPUP_STATE] of SWEEPER;
    /// Payments that are open, by what they are for and where they stand
    gauge PAYMENTS_OPEN: "topup_payments_open" [REFERENCE_KIND, OPEN_PAYMENT_STATE] of SWEEPER;
    /// Age of the oldest payment that stands there
    gauge PAYMENTS_OPEN_OLDEST_SECONDS: "topup_payments_open_oldest_seconds"
        [REFERENCE_KIND, OPEN_PAYMENT_STATE] of SWEEPER;
    /// How much longer the payment gateway is left alone, by class of calls; 0 where it may be called
    gauge GATEWAY_LINE_CLOSED_SECONDS: "topup_gateway_line_closed_seconds"
        [Label { name: "gateway", values: Values::Open("the payment gateway") },
         Label::names("class", || CallClass::ALL.iter().map(|class| class.as_str()).collect())] of SWEEPER;

    /// Webhooks, by what became of them
    counter WEBHOOKS: "topup_webhooks_total"
        [Label::these("outcome", &["published", "ignored", "foreign", "malformed", "forged", "not-listed", "slow",
            "too-large", "busy", "broker-away"])] of EDGE;
    /// Time from a webhook's head to its answer
    histogram WEBHOOK_SECONDS: "topup_webhook_seconds" [] of EDGE in SECONDS;
    /// Requests of the HTTP interface and the Client Zone, by route and by what they came to: `refused` is the caller's
    /// doing, `trouble` is ours
    counter REQUESTS: "topup_requests_total"
        [ROUTE, Label::these("outcome", &["done", "refused", "trouble"])] of EDGE;
    /// Time from such a request's head to its answer's
    histogram REQUEST_SECONDS: "topup_request_seconds" [ROUTE] of EDGE in SECONDS;
}

/// The result of a publish, as a label.
pub(crate) const fn publish_result(result: &Result<(), PublishError>) -> &'static str {
    match result {
        Ok(()) => "confirmed",
        Err(PublishError::Unroutable { .. }) => "unroutable",
        Err(PublishError::Refused { .. }) => "refused",
        Err(PublishError::Down { .. }) => "down",
        Err(PublishError::TimedOut { .. }) => "timed-out",
    }
}
