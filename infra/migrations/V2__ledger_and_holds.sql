-- The ledger: one row an event, keyed by the event's own id, so that a repeat finds itself.
-- Keys carry their time in front (version 7, or version 8 derived from id and time), so a range of keys
-- is a range of time: a partition a day, and uniqueness holds across all accounts and days.
-- There is no DEFAULT partition (days could then not be detached without blocking) and no second index
-- (it would cost a fifth of the throughput).

CREATE TABLE ledger (
    event_id      uuid        NOT NULL,
    account_id    bigint      NOT NULL,
    service       text        NOT NULL,
    kind          text        NOT NULL, -- send, topup, transfer-in, transfer-out, adjustment, opening, purchase, reversal
    credits_milli bigint      NOT NULL, -- signed: a send is negative
    messages      integer     NOT NULL DEFAULT 0,
    batch_id      uuid,
    sent_at       timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    detail        text,                 -- what it belongs to, where it is no send
    CONSTRAINT ledger_pk PRIMARY KEY (event_id)
) PARTITION BY RANGE (event_id);

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger entries are never changed or deleted' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();

-- Opens one day. A table apart, then ATTACH: neither waits for open writers nor makes new ones wait, as
-- CREATE TABLE … PARTITION OF would. The table is empty, so ATTACH has nothing to look through.
CREATE FUNCTION ledger_open_day(partition text, from_key uuid, to_key uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I (LIKE ledger INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
                        CONSTRAINT %I PRIMARY KEY (event_id))', partition, partition || '_pk');
    EXECUTE format('ALTER TABLE ledger ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition, from_key, to_key);
END
$$;

-- Takes no more entries into a day that is to be closed: whoever comes too late gets an error, and its sum stays
-- what is carried forward. NOT VALID: the entries that are there are not looked through.
CREATE FUNCTION ledger_seal_day(partition text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT ledger_day_closed CHECK (false) NOT VALID', partition);
END
$$;

-- Adds a sealed day's sums to what each wallet brought along.
CREATE FUNCTION ledger_carry_forward(partition text, closed_day date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO carried_forward AS c (account_id, service, credits_milli, through_day)
                    SELECT account_id, service, sum(credits_milli), $1 FROM %I GROUP BY account_id, service
                        ON CONFLICT ON CONSTRAINT carried_forward_pk
                        DO UPDATE SET credits_milli = c.credits_milli + excluded.credits_milli,
                                      through_day = excluded.through_day', partition) USING closed_day;
END
$$;

-- A detached table loses the trigger that it had from the ledger; its entries stay as they are all the same.
CREATE FUNCTION ledger_keep_detached(partition text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON %I
                    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()', partition);
END
$$;

-- Days that left the open window: their sums are carried forward, their partitions detached and kept.
CREATE TABLE closed_days (
    day         date        NOT NULL CONSTRAINT closed_days_pk PRIMARY KEY,
    closed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    detached_at timestamptz
);

-- What each wallet brought along from closed days.
CREATE TABLE carried_forward (
    account_id    bigint NOT NULL,
    service       text   NOT NULL,
    credits_milli bigint NOT NULL,
    through_day   date   NOT NULL,
    CONSTRAINT carried_forward_pk PRIMARY KEY (account_id, service)
);

-- Leave to send: credits set aside for a batch.
CREATE TABLE holds (
    account_id    bigint      NOT NULL,
    batch_id      uuid        NOT NULL,
    service       text        NOT NULL,
    credits_milli bigint      NOT NULL CONSTRAINT holds_positive CHECK (credits_milli > 0),
    used_milli    bigint      NOT NULL DEFAULT 0,
    state         text        NOT NULL DEFAULT 'open' CONSTRAINT holds_state_known CHECK (state IN ('open', 'closed', 'expired')),
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    CONSTRAINT holds_pk PRIMARY KEY (account_id, batch_id),
    CONSTRAINT holds_used_within CHECK (used_milli BETWEEN 0 AND credits_milli),
    CONSTRAINT holds_of_wallet FOREIGN KEY (account_id, service) REFERENCES wallets
);
CREATE INDEX holds_by_expiry ON holds (expires_at) WHERE state = 'open';
