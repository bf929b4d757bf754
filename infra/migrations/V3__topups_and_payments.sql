-- Top-ups and what is paid for them. Permanent: money's keys are never forgotten.

CREATE TABLE topups (
    account_id       bigint      NOT NULL,
    topup_id         uuid        NOT NULL,
    service          text        NOT NULL,
    method           text        NOT NULL CONSTRAINT topups_method_known CHECK (method IN ('card', 'transfer')),
    quantity_milli   bigint      NOT NULL CONSTRAINT topups_quantity_positive CHECK (quantity_milli > 0),
    amount_minor     bigint      CONSTRAINT topups_amount_positive CHECK (amount_minor > 0),
    currency         text        NOT NULL,
    state            text        NOT NULL CONSTRAINT topups_state_known CHECK (state IN (
        'requested', 'scheduled', 'charging', 'pending', 'unknown', 'parked', 'succeeded', 'failed', 'skipped', 'reversed')),
    reason           text,
    trigger_event_id uuid        NOT NULL, -- the send that reached the threshold
    trigger_milli    bigint      NOT NULL, -- the balance that it left
    traceparent      text,
    requested_at     timestamptz NOT NULL,
    due_at           timestamptz,          -- the moment it waits for; null: none, or not known yet
    waits_for        uuid,                 -- the account's unsettled card top-up that it waits for
    woken_at         timestamptz,          -- when it was last taken up or called again
    settled_at       timestamptz,
    CONSTRAINT topups_pk PRIMARY KEY (account_id, topup_id),
    CONSTRAINT topups_of_wallet FOREIGN KEY (account_id, service) REFERENCES wallets
);

-- T2: at most one open top-up a wallet, whoever tries.
CREATE UNIQUE INDEX one_open_topup_per_wallet ON topups (account_id, service)
    WHERE state IN ('requested', 'scheduled', 'charging', 'pending', 'unknown', 'parked');
-- For the sweeper: what should have moved by now.
CREATE INDEX topups_to_wake ON topups (due_at, requested_at) WHERE state IN ('requested', 'scheduled', 'charging');
-- For people, who have an id and nothing else, or look at the newest of all.
CREATE INDEX topups_by_id ON topups (topup_id);
-- For the caps: an account's card top-ups of a day or month.
CREATE INDEX topups_by_request ON topups (account_id, requested_at);

-- Every step of a top-up's life, for the story that is told to a customer and for the audit. A trigger writes it,
-- so that no change can forget to.
CREATE TABLE topup_steps (
    account_id      bigint      NOT NULL,
    topup_id        uuid        NOT NULL,
    step_id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    state           text        NOT NULL,
    reason          text,
    due_at          timestamptz,
    waits_for       uuid,
    settled_at      timestamptz,
    threshold_milli bigint, -- of the first step: what the balance had reached
    CONSTRAINT topup_steps_pk PRIMARY KEY (account_id, topup_id, step_id),
    CONSTRAINT topup_steps_of_topup FOREIGN KEY (account_id, topup_id) REFERENCES topups
);

CREATE FUNCTION topups_keep_steps() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    threshold bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT auto_threshold_milli INTO threshold
          FROM wallets WHERE account_id = NEW.account_id AND service = NEW.service;
    ELSIF (OLD.state, OLD.due_at, OLD.waits_for, OLD.settled_at)
          IS NOT DISTINCT FROM (NEW.state, NEW.due_at, NEW.waits_for, NEW.settled_at) THEN
        RETURN NULL;
    END IF;
    INSERT INTO topup_steps (account_id, topup_id, state, reason, due_at, waits_for, settled_at, threshold_milli)
    VALUES (NEW.account_id, NEW.topup_id, NEW.state, NEW.reason, NEW.due_at, NEW.waits_for, NEW.settled_at, threshold);
    RETURN NULL;
END
$$;

CREATE TRIGGER topups_keep_steps AFTER INSERT OR UPDATE ON topups
    FOR EACH ROW EXECUTE FUNCTION topups_keep_steps();

-- C1: the account's claim on card spacing. Its row lock makes the spacing true under any number of workers.
CREATE TABLE card_spacing (
    account_id       bigint      NOT NULL,
    unsettled_topup  uuid,
    last_settled_at  timestamptz,
    CONSTRAINT card_spacing_pk PRIMARY KEY (account_id)
);

-- C5: the intent, committed before the gateway is called. The reference is the idempotency key.
CREATE TABLE payments (
    account_id             bigint      NOT NULL,
    reference              text        NOT NULL,
    kind                   text        NOT NULL CONSTRAINT payments_kind_known CHECK (kind IN ('topup')),
    topup_id               uuid        NOT NULL,
    gateway                text        NOT NULL,
    mode                   text        NOT NULL CONSTRAINT payments_mode_known CHECK (mode IN ('live', 'test')),
    amount_minor           bigint      NOT NULL CONSTRAINT payments_amount_positive CHECK (amount_minor > 0),
    currency               text        NOT NULL,
    card_id                uuid        NOT NULL,
    state                  text        NOT NULL CONSTRAINT payments_state_known CHECK (state IN (
        'charging', 'pending', 'unknown', 'parked', 'succeeded', 'failed', 'reversed')),
    reason                 text,
    gateway_transaction_id text,
    intent_at              timestamptz NOT NULL,
    retry_at               timestamptz, -- set while the gateway certainly has no charge of it: our own trouble
    answered_at            timestamptz,
    answer                 jsonb,       -- the result of the call: a broker that loses the message loses nothing
    settled_by             text,        -- the source of the result that settled it: charge, webhook, verify, reconcile, operator
    settled_at             timestamptz,
    CONSTRAINT payments_pk PRIMARY KEY (account_id, reference),
    CONSTRAINT payments_of_topup FOREIGN KEY (account_id, topup_id) REFERENCES topups
);
CREATE INDEX payments_by_topup ON payments (account_id, topup_id);

-- Each call to the gateway and its answer, for the story that is told to a customer.
CREATE TABLE payment_calls (
    account_id bigint      NOT NULL,
    reference  text        NOT NULL,
    call_id    bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    call       text        NOT NULL, -- charge
    outcome    text        NOT NULL, -- a payment status, or our-trouble
    detail     text,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT payment_calls_pk PRIMARY KEY (account_id, reference, call_id),
    CONSTRAINT payment_calls_of_payment FOREIGN KEY (account_id, reference) REFERENCES payments
);
