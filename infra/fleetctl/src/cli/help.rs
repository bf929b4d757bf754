//! The longer texts of `--help`. Their examples are tried by a test.

/// After the list of commands.
pub(super) const AFTER_HELP: &str = "\
Settings are the fleet's own: environment variables that begin with TOPUP__, and the files that TOPUP_CONFIG names.
A command asks only for what it uses: TOPUP__DATABASE__URL, TOPUP__AMQP__URL, or both.

Exit status: 0 done, 1 refused, failed or something found wrong, 2 the command line or a setting is wrong.
What went wrong is said on standard error; with --json also in the document.

Examples:
  fleetctl migrate && fleetctl topology apply     set up a new database and broker, or bring them up to date
  fleetctl prices prices.ndjson                   replace the price list
  fleetctl import accounts.ndjson                 add accounts, or change them
  fleetctl status --watch                         watch queues, workers and what waits
  fleetctl doctor                                 find what is wrong with broker and database
  fleetctl why 1001                               tell what happened to an account, and why
  fleetctl audit --json                           check that every promise is kept";

/// Of `import`.
pub(super) const IMPORT_HELP: &str = r#"A line is taken whole or not at all; a wrong one is named with file, line and field, and the others are
taken all the same (exit status 1). It can be repeated: the opening balance counts for new wallets alone,
and what was disabled stays disabled.

A line, here on several (parent_id, mobile, email, low_credit_threshold, auto_topup, caps can be left out):
  {"account_id": 1001, "kind": "main", "parent_id": null, "currency": "ZAR", "language": "en",
   "mobile": "+27820000001", "email": "ops@example.com",
   "wallets": [{"service": "sms", "credits": 150, "low_credit_threshold": 50,
     "auto_topup": {"method": "card", "threshold": 100, "quantity": 500, "enabled": true,
       "caps": {"topups_per_day": 5, "amount_minor_per_month": 5000000},
       "card": {"authorization_code": "AUTH_x", "email": "ops@example.com", "brand": "visa", "last4": "4081",
         "exp_month": 12, "exp_year": 2030, "signature": "SIG_x"}}}]}

Examples:
  fleetctl import accounts.ndjson
  gunzip -c accounts.ndjson.gz | fleetctl import -"#;

/// Of `prices`.
pub(super) const PRICES_HELP: &str = r#"The list is replaced in one transaction; one mistake refuses the whole file. Amounts that were asked for
before stay as they were.

A line:
  {"service": "sms", "currency": "ZAR", "from_credits": 0, "unit_price_minor": "25.5", "tax_percent": "15"}

Example:
  fleetctl prices prices.ndjson"#;

/// Of `publish`.
pub(super) const PUBLISH_HELP: &str = r#"Every line is checked first, and confirmed by the broker after. A broken line stops the command; all lines
before it are confirmed then, and --from-line goes on where it stopped. Publishing an event again is safe:
it is debited once.

A line:
  {"event_id": "0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b", "account_id": 1001, "credits": 1.5, "sent_at": "2026-11-22T08:15:00Z"}

Examples:
  fleetctl publish events.ndjson
  fleetctl publish events.ndjson --from-line 1734
  my-export | fleetctl publish - --skip-bad"#;

/// Of `topup settle`.
pub(super) const SETTLE_HELP: &str = r#"For what `fleetctl topup list --state parked` lists: the gateway was asked again and again and did not know. Look the
payment up on the gateway's own pages first (`fleetctl topup show` names its reference). What is said here goes through
the queue payment-results like any other result. A success can't be made a failure; a failure can still turn out to be a
success. A purchase is named by its payment's reference.

Examples:
  fleetctl topup settle 0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b --succeeded --reason "on the gateway's list, ticket 4711"
  fleetctl topup settle 0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b --failed --reason "the bank did not answer""#;

/// Of `dead redrive`.
pub(super) const REDRIVE_HELP: &str = r#"Each message goes to the queue that it was parked from, as its sender published it: same message id, type, trace and
time; its tries begin anew. What was done before is recognised, so nothing is debited, charged, credited or told twice,
however late or often a message is put back. What still can't be used is parked again, with its reason.

Each is written down first (`fleetctl dead history`), then published and confirmed, then taken out of the dead letters: cut
short anywhere, do it again. All others stay where they are. It asks before it acts; without a terminal --yes has to be
given. Exit status 1 where something that was asked for could not be put back.

Examples:
  fleetctl dead redrive 0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b
  fleetctl dead redrive --queue sms-sent --reason 'unknown account 1001' --because 'imported, ticket 4711'
  fleetctl dead redrive --queue notifications --newer-than 2h --per-second 500 --dry-run
  fleetctl dead redrive --queue topup.unroutable --to sms-sent"#;

/// Of `dead discard`.
pub(super) const DISCARD_HELP: &str = r#"Each is written down first, with its body (`fleetctl dead history ACT_ID --json`), then taken out of the dead letters. All
others stay where they are. It asks before it acts; without a terminal --yes has to be given.

Examples:
  fleetctl dead discard 0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b --because 'a test of the shop'
  fleetctl dead discard --queue sms-sent --reason 'is not JSON' --older-than 7d --because 'the shop sent HTML'"#;

/// Of `reconcile`.
pub(super) const RECONCILE_HELP: &str = r#"Needs TOPUP__PAYSTACK__SECRET_KEY. What the gateway knows better (it took the money and nobody told; it gave it back)
is settled by its word, through the queue payment-results. What can't be settled is listed for a person. A day can be
compared at any time, today too, and again; the sweeper compares each day once it is over.

Examples:
  fleetctl reconcile 2026-11-21
  fleetctl reconcile 2026-11-21 --json | jq '.differences[] | select(.is_settling | not)'"#;
