//! The table itself: role, table, what is done with it there.

use super::{Privilege, Right, Rights, Role};

const SELECT: Right = all(Privilege::Select);
const INSERT: Right = all(Privilege::Insert);
const UPDATE: Right = all(Privilege::Update);
const DELETE: Right = all(Privilege::Delete);

const fn all(privilege: Privilege) -> Right {
    Right {
        privilege,
        columns: &[],
    }
}

const fn select(columns: &'static [&'static str]) -> Right {
    Right {
        privilege: Privilege::Select,
        columns,
    }
}

const fn update(columns: &'static [&'static str]) -> Right {
    Right {
        privilege: Privilege::Update,
        columns,
    }
}

/// What opens, closes, indexes and counts the ledger's days in its owner's name: the sweeper's.
pub(super) const FUNCTIONS: [&str; 7] = [
    "ledger_open_day(text, uuid, uuid)",
    "ledger_seal_day(text)",
    "ledger_carry_forward(text, date)",
    "ledger_detach_day(text)",
    "ledger_keep_detached(text)",
    "ledger_index_day(text)",
    "ledger_count_day(text, date, uuid, date, date)",
];

/// Where the ledger's days stand; whether an account has a number and an address at all.
const CLOSED_DAYS: Rights = ("closed_days", &[SELECT]);
/// Its own row: alive, and how.
const PROCESSES: Rights = ("processes", &[SELECT, INSERT, UPDATE, DELETE]);
const PAUSED_QUEUES: Rights = ("paused_queues", &[SELECT]);
/// Written, published, removed.
const OUTBOX: Rights = ("outbox", &[SELECT, INSERT, DELETE]);
/// Never changed, but that a person's address is taken out of them.
const CONSENTS: Rights = ("consents", &[SELECT, INSERT, update(&["address"])]);
/// Recorded with what caused them, and not looked at again.
const NOTICES: Rights = ("notices", &[select(&["notification_id"]), INSERT]);
/// Appended to by everybody who moves credits, changed by nobody.
const LEDGER: Rights = ("ledger", &[SELECT, INSERT]);
/// By the trigger of `topups`.
const TOPUP_STEPS: Rights = ("topup_steps", &[INSERT]);
/// The line that all processes share, and its breaker.
const GATEWAY_LINES: Rights = ("gateway_lines", &[SELECT, INSERT, UPDATE]);
/// Tokens that no consent uses any more; one that is used again goes out again.
const TOKENS_GIVEN_UP: Rights = ("tokens_to_deactivate", &[SELECT, INSERT, DELETE]);
/// What a credited, debited or disabled wallet gets.
const WALLETS_SETTLED: Rights = (
    "wallets",
    &[
        SELECT,
        update(&[
            "balance_milli",
            "held_milli",
            "open_topup_id",
            "consecutive_failures",
            "auto_enabled",
            "auto_disabled_reason",
            "auto_disabled_at",
        ]),
    ],
);

/// The same, and what a wallet gets whose card was registered.
const WALLETS_ENABLED: Rights = (
    "wallets",
    &[
        SELECT,
        update(&[
            "balance_milli",
            "held_milli",
            "open_topup_id",
            "consecutive_failures",
            "auto_enabled",
            "auto_disabled_reason",
            "auto_disabled_at",
            "auto_method",
            "auto_threshold_milli",
            "auto_quantity_milli",
            "auto_card_id",
        ]),
    ],
);

const SMS_SENT: &[Rights] = &[
    (
        "accounts",
        &[select(&["account_id", "currency", "mobile", "email"])],
    ),
    (
        "wallets",
        &[SELECT, update(&["balance_milli", "held_milli", "open_topup_id"])],
    ),
    ("holds", &[SELECT, update(&["used_milli"])]),
    ("price_tiers", &[SELECT]),
    ("topups", &[INSERT]),
    TOPUP_STEPS,
    LEDGER,
    CLOSED_DAYS,
    NOTICES,
    OUTBOX,
    PROCESSES,
    PAUSED_QUEUES,
];

const TOPUP_REQUESTED: &[Rights] = &[
    ("accounts", &[SELECT]),
    WALLETS_SETTLED,
    (
        "cards",
        &[select(&["account_id", "card_id", "authorization_code", "email"])],
    ),
    ("topups", &[SELECT, UPDATE]),
    TOPUP_STEPS,
    ("card_spacing", &[SELECT, INSERT, UPDATE]),
    ("payments", &[SELECT, INSERT, UPDATE]),
    ("payment_calls", &[SELECT, INSERT]),
    LEDGER,
    CLOSED_DAYS,
    GATEWAY_LINES,
    NOTICES,
    OUTBOX,
    PROCESSES,
    PAUSED_QUEUES,
];

const PAYMENT_RESULTS: &[Rights] = &[
    ("accounts", &[SELECT]),
    WALLETS_ENABLED,
    ("consents", &[INSERT]),
    ("one_click_consents", &[SELECT, UPDATE]),
    ("card_registrations", &[SELECT, UPDATE]),
    TOKENS_GIVEN_UP,
    (
        "cards",
        &[
            SELECT,
            INSERT,
            update(&[
                "authorization_code",
                "email",
                "brand",
                "last4",
                "exp_month",
                "exp_year",
            ]),
        ],
    ),
    ("topups", &[SELECT, UPDATE]),
    TOPUP_STEPS,
    ("card_spacing", &[SELECT, INSERT, UPDATE]),
    ("payments", &[SELECT, UPDATE]),
    ("purchases", &[SELECT]),
    ("reversals", &[SELECT, INSERT, UPDATE]),
    LEDGER,
    CLOSED_DAYS,
    NOTICES,
    OUTBOX,
    PROCESSES,
    PAUSED_QUEUES,
];

const NOTIFICATIONS: &[Rights] = &[
    (
        "accounts",
        &[select(&["account_id", "mobile", "email", "language", "currency"])],
    ),
    ("notices", &[SELECT, update(&["state", "detail", "ended_at"])]),
    // A link is made when its mail is written; whose password is what, is not to be seen.
    ("logins", &[select(&["login_id", "email", "disabled_at"])]),
    ("login_links", &[SELECT, INSERT, DELETE]),
    PROCESSES,
    PAUSED_QUEUES,
];

const SWEEPER: &[Rights] = &[
    ("accounts", &[SELECT]),
    ("wallets", &[SELECT, update(&["held_milli"])]),
    ("holds", &[SELECT, update(&["state", "ended_at"])]),
    (
        "cards",
        &[select(&[
            "account_id",
            "card_id",
            "authorization_code",
            "last4",
            "exp_month",
            "exp_year",
        ])],
    ),
    ("topups", &[SELECT, UPDATE]),
    TOPUP_STEPS,
    ("card_spacing", &[SELECT]),
    ("payments", &[SELECT, UPDATE]),
    ("payment_calls", &[SELECT, INSERT]),
    ("purchases", &[SELECT]),
    ("card_registrations", &[SELECT, UPDATE]),
    ("tokens_to_deactivate", &[SELECT, UPDATE, DELETE]),
    ("reconciliations", &[SELECT, INSERT, UPDATE, DELETE]),
    ("reconciliation_differences", &[SELECT, INSERT, DELETE]),
    ("closed_days", &[SELECT, INSERT, update(&["detached_at"])]),
    ("counted_days", &[SELECT]),
    // What nobody needs any more of those who call and sign in.
    ("sessions", &[select(&["hash", "expires_at"]), DELETE]),
    ("login_links", &[select(&["hash", "expires_at"]), DELETE]),
    ("sign_in_tries", &[SELECT, DELETE]),
    (
        "idempotent_requests",
        &[select(&["caller", "key", "begun_at"]), DELETE],
    ),
    GATEWAY_LINES,
    ("notices", &[SELECT, INSERT, update(&["called_at"])]),
    OUTBOX,
    PROCESSES,
    PAUSED_QUEUES,
];

/// What account holders and their platforms do by themselves. It ends no payment and opens no ledger's day; who may call,
/// an operator says.
const EDGE: &[Rights] = &[
    (
        "access_tokens",
        &[SELECT, update(&["last_used_at", "revoked_at", "revoked_by"])],
    ),
    ("idempotent_requests", &[SELECT, INSERT, UPDATE, DELETE]),
    (
        "logins",
        &[
            SELECT,
            update(&["password_hash", "totp_secret", "totp_confirmed_at", "totp_step"]),
            DELETE,
        ],
    ),
    ("login_links", &[SELECT, update(&["used_at"]), DELETE]),
    ("sessions", &[SELECT, INSERT, UPDATE, DELETE]),
    ("sign_in_tries", &[SELECT, INSERT, UPDATE, DELETE]),
    ("accounts", &[SELECT, INSERT, UPDATE]),
    ("wallets", &[SELECT, INSERT, UPDATE]),
    ("cards", &[SELECT, INSERT, UPDATE]),
    CONSENTS,
    ("price_tiers", &[SELECT]),
    ("holds", &[SELECT, INSERT, UPDATE]),
    ("topups", &[SELECT]),
    ("payments", &[SELECT, INSERT, UPDATE]),
    ("payment_calls", &[SELECT, INSERT]),
    GATEWAY_LINES,
    ("purchases", &[SELECT, INSERT, update(&["email", "billing"])]),
    ("reversals", &[SELECT]),
    ("carried_forward", &[SELECT]),
    ("counted_days", &[SELECT]),
    ("ledger_sums", &[SELECT]),
    LEDGER,
    CLOSED_DAYS,
    ("notices", &[SELECT, INSERT, update(&["params", "detail"])]),
    ("one_click_consents", &[SELECT, INSERT, UPDATE]),
    ("card_registrations", &[SELECT, INSERT, UPDATE]),
    ("billing_details", &[SELECT, INSERT, UPDATE, DELETE]),
    TOKENS_GIVEN_UP,
    OUTBOX,
];

/// A person may look at everything, and change what `fleetctl` changes.
const OPERATOR: &[Rights] = &[
    (
        "access_tokens",
        &[SELECT, INSERT, update(&["revoked_at", "revoked_by"])],
    ),
    (
        "logins",
        &[
            SELECT,
            INSERT,
            update(&["disabled_at", "totp_secret", "totp_confirmed_at", "totp_step"]),
            DELETE,
        ],
    ),
    ("login_links", &[SELECT, DELETE]),
    ("sessions", &[SELECT, DELETE]),
    ("accounts", &[SELECT, INSERT, UPDATE]),
    ("wallets", &[SELECT, INSERT, UPDATE]),
    ("cards", &[SELECT, INSERT, UPDATE]),
    CONSENTS,
    ("price_tiers", &[SELECT, INSERT, UPDATE, DELETE]),
    ("holds", &[SELECT]),
    ("topups", &[SELECT]),
    ("topup_steps", &[SELECT]),
    ("card_spacing", &[SELECT]),
    (
        "payments",
        &[
            SELECT,
            update(&["checkout_url", "answer", "paid_brand", "paid_last4"]),
        ],
    ),
    ("payment_calls", &[SELECT]),
    ("purchases", &[SELECT, update(&["email", "billing"])]),
    ("payments_buy", &[SELECT]),
    ("reversals", &[SELECT]),
    ("reconciliations", &[SELECT, INSERT, UPDATE, DELETE]),
    ("reconciliation_differences", &[SELECT, INSERT, DELETE]),
    ("closed_days", &[SELECT]),
    ("carried_forward", &[SELECT]),
    ("counted_days", &[SELECT]),
    ("ledger_sums", &[SELECT]),
    LEDGER,
    GATEWAY_LINES,
    ("notices", &[SELECT, INSERT, update(&["params", "detail"])]),
    (
        "idempotent_requests",
        &[
            select(&["caller", "key", "body"]),
            update(&["body", "content_type"]),
            DELETE,
        ],
    ),
    (
        "one_click_consents",
        &[SELECT, update(&["address", "withdrawn_at"])],
    ),
    ("card_registrations", &[SELECT, update(&["address", "email"])]),
    ("billing_details", &[SELECT, DELETE]),
    ("tokens_to_deactivate", &[SELECT, INSERT]),
    OUTBOX,
    ("paused_queues", &[SELECT, INSERT, UPDATE, DELETE]),
    ("processes", &[SELECT]),
    ("operator_acts", &[SELECT, INSERT]),
    ("operator_acts_messages", &[SELECT, INSERT]),
    ("refinery_schema_history", &[SELECT]),
];

/// What a role may do, table by table.
pub(super) const fn tables(role: Role) -> &'static [Rights] {
    match role {
        // What it owns it needs no leave for.
        Role::Owner => &[],
        Role::SmsSent => SMS_SENT,
        Role::TopupRequested => TOPUP_REQUESTED,
        Role::PaymentResults => PAYMENT_RESULTS,
        Role::Notifications => NOTIFICATIONS,
        Role::Sweeper => SWEEPER,
        Role::Edge => EDGE,
        Role::Operator => OPERATOR,
    }
}
