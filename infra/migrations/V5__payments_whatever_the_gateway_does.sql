-- Payments of every kind, what is asked about them, what is taken back of them, and the line to the gateway.

-- Credits bought by hand. What became of one stands in its payment alone.
CREATE TABLE purchases (
    account_id     bigint      NOT NULL,
    purchase_id    uuid        NOT NULL,
    service        text        NOT NULL,
    method         text        NOT NULL CONSTRAINT purchases_method_known CHECK (method IN ('one-click', 'hosted')),
    quantity_milli bigint      NOT NULL CONSTRAINT purchases_quantity_positive CHECK (quantity_milli > 0),
    amount_minor   bigint      NOT NULL CONSTRAINT purchases_amount_positive CHECK (amount_minor > 0),
    tax_minor      bigint      NOT NULL CONSTRAINT purchases_tax_within CHECK (tax_minor BETWEEN 0 AND amount_minor),
    currency       text        NOT NULL,
    email          text        NOT NULL, -- the gateway asks for it; of a saved card, the one that created its token
    billing        jsonb,                -- what an invoice needs: name, address, tax number
    traceparent    text,
    created_at     timestamptz NOT NULL,
    CONSTRAINT purchases_pk PRIMARY KEY (account_id, purchase_id),
    CONSTRAINT purchases_of_wallet FOREIGN KEY (account_id, service) REFERENCES wallets
);

ALTER TABLE payments
    DROP CONSTRAINT payments_kind_known,
    ADD CONSTRAINT payments_kind_known CHECK (kind IN ('topup', 'purchase')),
    ALTER COLUMN topup_id DROP NOT NULL,
    ALTER COLUMN card_id DROP NOT NULL, -- on the gateway's page, the customer chooses how to pay
    ADD COLUMN purchase_id uuid,
    ADD CONSTRAINT payments_of_purchase FOREIGN KEY (account_id, purchase_id) REFERENCES purchases,
    ADD CONSTRAINT payments_pay_for_one_thing CHECK (
        (kind = 'topup') = (topup_id IS NOT NULL) AND (kind = 'purchase') = (purchase_id IS NOT NULL)),
    ADD COLUMN checkout_url text,                        -- the gateway's page, where the customer has to go there
    ADD COLUMN decline      text,                        -- what kind of refusal it was
    ADD COLUMN reversed_minor    bigint NOT NULL DEFAULT 0, -- given back so far, of amount_minor
    ADD COLUMN taken_back_milli  bigint NOT NULL DEFAULT 0, -- the credits that went with it
    ADD CONSTRAINT payments_reversed_within CHECK (reversed_minor BETWEEN 0 AND amount_minor),
    ADD CONSTRAINT payments_taken_back_sane CHECK (taken_back_milli >= 0),
    ADD COLUMN ask_at     timestamptz,                   -- when the gateway is asked about it next; null: not to be asked
    ADD COLUMN asked      integer NOT NULL DEFAULT 0,    -- how often it has been asked about
    ADD COLUMN not_known  integer NOT NULL DEFAULT 0;    -- how often in a row the gateway did not know it

CREATE INDEX payments_by_purchase ON payments (account_id, purchase_id);
-- For the questions: what is open and due to be asked about; and for who counts what is open.
CREATE INDEX payments_to_ask ON payments (ask_at) WHERE state IN ('charging', 'pending', 'unknown', 'parked');
-- For the daily comparison with the gateway's list.
CREATE INDEX payments_by_intent ON payments (intent_at);

-- What was open before questions were asked is asked about now.
UPDATE payments SET ask_at = clock_timestamp() WHERE state IN ('pending', 'unknown');

-- What a payment buys, and for which wallet. `detail` is what its ledger entry bears.
CREATE VIEW payments_buy AS
SELECT p.account_id, p.reference, p.kind, p.state, p.amount_minor, p.reversed_minor, p.taken_back_milli,
       coalesce(t.service, b.service) AS service,
       coalesce(t.quantity_milli, b.quantity_milli) AS quantity_milli,
       p.kind || ':' || coalesce(p.topup_id, p.purchase_id) AS detail
  FROM payments p
  LEFT JOIN topups t ON t.account_id = p.account_id AND t.topup_id = p.topup_id
  LEFT JOIN purchases b ON b.account_id = p.account_id AND b.purchase_id = p.purchase_id;

-- V1: refunds and disputes, each once. The credits of an open dispute are held (wallets.held_milli counts them).
CREATE TABLE reversals (
    account_id       bigint      NOT NULL,
    reference        text        NOT NULL,
    reversal_id      text        NOT NULL,
    state            text        NOT NULL CONSTRAINT reversals_state_known CHECK (state IN ('disputed', 'won', 'reversed')),
    amount_minor     bigint      NOT NULL CONSTRAINT reversals_amount_positive CHECK (amount_minor > 0),
    held_milli       bigint      NOT NULL DEFAULT 0 CONSTRAINT reversals_held_sane CHECK (held_milli >= 0),
    taken_back_milli bigint      NOT NULL DEFAULT 0 CONSTRAINT reversals_taken_back_sane CHECK (taken_back_milli >= 0),
    source           text        NOT NULL,
    reason           text,
    opened_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at         timestamptz,
    CONSTRAINT reversals_pk PRIMARY KEY (account_id, reference, reversal_id),
    CONSTRAINT reversals_of_payment FOREIGN KEY (account_id, reference) REFERENCES payments,
    CONSTRAINT reversals_hold_while_disputed CHECK (state = 'disputed' OR held_milli = 0),
    CONSTRAINT reversals_take_back_when_reversed CHECK (state = 'reversed' OR taken_back_milli = 0)
);

-- One line to a gateway for each class of calls, shared by every process: how many calls this minute has had, and
-- whether the gateway is left alone for a while. Locked last of all.
CREATE TABLE gateway_lines (
    gateway      text        NOT NULL,
    class        text        NOT NULL CONSTRAINT gateway_lines_class_known CHECK (class IN ('charge', 'verify', 'other')),
    window_start timestamptz NOT NULL,
    used         integer     NOT NULL DEFAULT 0,
    troubles     integer     NOT NULL DEFAULT 0,
    closed_until timestamptz,
    CONSTRAINT gateway_lines_pk PRIMARY KEY (gateway, class)
);

-- The gateway's list of a day against ours.
CREATE TABLE reconciliations (
    gateway      text        NOT NULL,
    day          date        NOT NULL,
    transactions integer     NOT NULL, -- on the gateway's list
    matched      integer     NOT NULL, -- the same here and there
    foreign_ones integer     NOT NULL, -- references that are none of the fleet's
    finished_at  timestamptz NOT NULL,
    CONSTRAINT reconciliations_pk PRIMARY KEY (gateway, day)
);
CREATE TABLE reconciliation_differences (
    gateway     text NOT NULL,
    day         date NOT NULL,
    number      integer NOT NULL,
    reference   text NOT NULL,
    kind        text NOT NULL,
    ours        text,
    theirs      text,
    is_settling boolean NOT NULL, -- its result was published; otherwise a person has to look
    CONSTRAINT reconciliation_differences_pk PRIMARY KEY (gateway, day, number),
    CONSTRAINT reconciliation_differences_of_day FOREIGN KEY (gateway, day) REFERENCES reconciliations ON DELETE CASCADE
);
