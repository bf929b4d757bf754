-- What account holders and their platforms do by themselves: who may call, what was agreed, what a repeat finds.

-- Bearer tokens of the HTTP interface. Whoever has read this table can call nobody: the tokens themselves are random and
-- only their hashes are kept.
CREATE TABLE access_tokens (
    token_id     uuid        NOT NULL,
    hash         bytea       NOT NULL CONSTRAINT access_tokens_hash_sha256 CHECK (octet_length(hash) = 32),
    holder       text        NOT NULL CONSTRAINT access_tokens_holder_known CHECK (holder IN ('platform', 'account')),
    account_id   bigint      CONSTRAINT access_tokens_of_account REFERENCES accounts,
    scopes       text[]      NOT NULL,
    name         text        NOT NULL, -- what people call it by: 'billing pages'
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by   text        NOT NULL, -- user@host of the command
    expires_at   timestamptz,
    revoked_at   timestamptz,
    revoked_by   text,
    last_used_at timestamptz,          -- to the hour: a look at a token is no write
    CONSTRAINT access_tokens_pk PRIMARY KEY (token_id),
    CONSTRAINT access_tokens_once UNIQUE (hash),
    CONSTRAINT access_tokens_account_of_account CHECK ((holder = 'account') = (account_id IS NOT NULL))
);
CREATE INDEX access_tokens_by_account ON access_tokens (account_id);

-- Revoked is for good: whoever may revoke a token can't make it good again, nor say that somebody else did it.
CREATE FUNCTION access_tokens_stay_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a token that was revoked stays so' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER access_tokens_stay_revoked BEFORE UPDATE OF revoked_at, revoked_by ON access_tokens
    FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL
                       AND (NEW.revoked_at, NEW.revoked_by) IS DISTINCT FROM (OLD.revoked_at, OLD.revoked_by))
    EXECUTE FUNCTION access_tokens_stay_revoked();

-- People who sign in to the pages. One address, one login, one account.
CREATE TABLE logins (
    login_id          uuid        NOT NULL,
    account_id        bigint      NOT NULL CONSTRAINT logins_of_account REFERENCES accounts,
    email             text        NOT NULL,
    password_hash     text,                 -- argon2id, with its own parameters; none until it is set by a mailed link
    totp_secret       bytea,
    totp_confirmed_at timestamptz,          -- none: a secret was shown, and no code of it was given yet
    totp_step         bigint      NOT NULL DEFAULT 0, -- the last one that was used: no code opens twice
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at       timestamptz,
    CONSTRAINT logins_pk PRIMARY KEY (login_id),
    CONSTRAINT logins_totp_whole CHECK (totp_confirmed_at IS NULL OR totp_secret IS NOT NULL)
);
CREATE UNIQUE INDEX logins_once_per_address ON logins (lower(email));
CREATE INDEX logins_by_account ON logins (account_id);

-- Mailed links, each for one use.
CREATE TABLE login_links (
    hash       bytea       NOT NULL CONSTRAINT login_links_hash_sha256 CHECK (octet_length(hash) = 32),
    login_id   uuid        NOT NULL CONSTRAINT login_links_of_login REFERENCES logins ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT login_links_pk PRIMARY KEY (hash)
);
CREATE INDEX login_links_by_login ON login_links (login_id);

-- Who is signed in. The cookie's value is random, and only its hash is kept.
CREATE TABLE sessions (
    hash       bytea       NOT NULL CONSTRAINT sessions_hash_sha256 CHECK (octet_length(hash) = 32),
    login_id   uuid        NOT NULL CONSTRAINT sessions_of_login REFERENCES logins ON DELETE CASCADE,
    csrf       bytea       NOT NULL, -- what every form of this session bears
    second     boolean     NOT NULL, -- the second step of signing in is done, or not asked for
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT sessions_pk PRIMARY KEY (hash)
);
CREATE INDEX sessions_by_login ON sessions (login_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- How often somebody tried to sign in, or to have a link mailed, of late: counted here, since there are many edges. The
-- key is a hash, of an address of either kind.
CREATE TABLE sign_in_tries (
    key          bytea       NOT NULL,
    window_start timestamptz NOT NULL,
    tries        integer     NOT NULL,
    CONSTRAINT sign_in_tries_pk PRIMARY KEY (key)
);
CREATE INDEX sign_in_tries_by_window ON sign_in_tries (window_start);

-- What was answered to a request that bore an idempotency key, so that a repeat is answered the same.
CREATE TABLE idempotent_requests (
    caller       uuid        NOT NULL, -- the token, or who signed in
    key          text        NOT NULL CONSTRAINT idempotent_requests_key_sane CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea       NOT NULL, -- of method, path and body
    status       smallint,             -- none: in hand, or cut short
    content_type text,
    body         bytea,
    begun_at     timestamptz NOT NULL DEFAULT clock_timestamp(), -- by its first try: what it makes is keyed by it
    held_until   timestamptz NOT NULL, -- in somebody's hand until then, unless it is answered
    CONSTRAINT idempotent_requests_pk PRIMARY KEY (caller, key),
    CONSTRAINT idempotent_requests_whole CHECK ((status IS NULL) = (body IS NULL))
);
CREATE INDEX idempotent_requests_by_begin ON idempotent_requests (begun_at);

-- E3, E8: a card that is being registered on the gateway's page, with what is to be enabled once it is.
CREATE TABLE card_registrations (
    account_id      bigint      NOT NULL,
    registration_id uuid        NOT NULL,
    service         text        NOT NULL,
    threshold_milli bigint      NOT NULL,
    quantity_milli  bigint      NOT NULL,
    terms_version   text        NOT NULL,
    address         text        NOT NULL, -- where the agreement came from
    agreed_at       timestamptz NOT NULL,
    amount_minor    bigint      NOT NULL CONSTRAINT card_registrations_amount_positive CHECK (amount_minor > 0),
    currency        text        NOT NULL,
    email           text        NOT NULL,
    traceparent     text,
    outcome         text        CONSTRAINT card_registrations_outcome_known CHECK (outcome IN ('enabled', 'not-enabled', 'failed')),
    reason          text,                 -- of an outcome that is not 'enabled', for the account holder
    card_id         uuid,
    ended_at        timestamptz,
    refund_due_at   timestamptz,          -- when the charge is to be given back, or asked for again; null: not to be
    refund_tries    integer     NOT NULL DEFAULT 0,
    refund_asked_at timestamptz,          -- asked for, and the answer is not known: looked up from now on, not asked for again
    refund_id       text,                 -- the gateway's, once it has taken it on
    CONSTRAINT card_registrations_pk PRIMARY KEY (account_id, registration_id),
    CONSTRAINT card_registrations_of_wallet FOREIGN KEY (account_id, service) REFERENCES wallets,
    CONSTRAINT card_registrations_end_whole CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
CREATE INDEX card_registrations_to_refund ON card_registrations (refund_due_at) WHERE refund_due_at IS NOT NULL;

ALTER TABLE payments ADD COLUMN registration_id uuid;
ALTER TABLE payments
    DROP CONSTRAINT payments_kind_known,
    ADD CONSTRAINT payments_kind_known CHECK (kind IN ('topup', 'purchase', 'registration')) NOT VALID,
    ADD CONSTRAINT payments_of_registration FOREIGN KEY (account_id, registration_id) REFERENCES card_registrations NOT VALID,
    DROP CONSTRAINT payments_pay_for_one_thing,
    ADD CONSTRAINT payments_pay_for_one_thing CHECK (
        (kind = 'topup') = (topup_id IS NOT NULL) AND (kind = 'purchase') = (purchase_id IS NOT NULL)
        AND (kind = 'registration') = (registration_id IS NOT NULL)) NOT VALID;
-- Somebody waits for an open payment, so that it is asked about sooner: when that was last done.
ALTER TABLE payments ADD COLUMN hastened_at timestamptz;
-- What a receipt says of the card that was paid with on the gateway's page, whether it was saved or not; never its number.
ALTER TABLE payments
    ADD COLUMN paid_brand text,
    ADD COLUMN paid_last4 text;

-- A refund that was asked for, and that the gateway could not make.
ALTER TABLE reversals
    DROP CONSTRAINT reversals_state_known,
    ADD CONSTRAINT reversals_state_known CHECK (state IN ('disputed', 'won', 'reversed', 'failed')) NOT VALID;

-- A registration buys no credits: it is nothing of what payments bought.
CREATE OR REPLACE VIEW payments_buy AS
SELECT p.account_id, p.reference, p.kind, p.state, p.amount_minor, p.reversed_minor, p.taken_back_milli,
       coalesce(t.service, b.service) AS service,
       coalesce(t.quantity_milli, b.quantity_milli) AS quantity_milli,
       p.kind || ':' || coalesce(p.topup_id, p.purchase_id) AS detail
  FROM payments p
  LEFT JOIN topups t ON t.account_id = p.account_id AND t.topup_id = p.topup_id
  LEFT JOIN purchases b ON b.account_id = p.account_id AND b.purchase_id = p.purchase_id
 WHERE p.kind <> 'registration';

-- P3: agreement to 1-Click. The card is there once the purchase that it was agreed with is paid.
CREATE TABLE one_click_consents (
    account_id    bigint      NOT NULL CONSTRAINT one_click_consents_of_account REFERENCES accounts,
    consent_id    uuid        NOT NULL,
    terms_version text        NOT NULL,
    address       text        NOT NULL,
    agreed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    card_id       uuid,
    withdrawn_at  timestamptz,
    CONSTRAINT one_click_consents_pk PRIMARY KEY (account_id, consent_id),
    CONSTRAINT one_click_consents_card FOREIGN KEY (account_id, card_id) REFERENCES cards
);
-- One that stands, for each account.
CREATE UNIQUE INDEX one_click_consents_standing ON one_click_consents (account_id)
    WHERE card_id IS NOT NULL AND withdrawn_at IS NULL;
ALTER TABLE purchases
    ADD COLUMN consent_id uuid, -- agreed with this purchase: its card is saved
    ADD CONSTRAINT purchases_with_consent FOREIGN KEY (account_id, consent_id) REFERENCES one_click_consents NOT VALID;

-- A token that no consent uses any more is forgotten in `cards` at once, and stays here until the gateway has forgotten it.
CREATE TABLE tokens_to_deactivate (
    account_id         bigint      NOT NULL,
    authorization_code text        NOT NULL,
    gateway            text        NOT NULL,
    since              timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries              integer     NOT NULL DEFAULT 0,
    detail             text,
    CONSTRAINT tokens_to_deactivate_pk PRIMARY KEY (account_id, authorization_code)
);
CREATE INDEX tokens_to_deactivate_by_moment ON tokens_to_deactivate (due_at);

-- P2: what an invoice needs, kept for the next time.
CREATE TABLE billing_details (
    account_id bigint      NOT NULL CONSTRAINT billing_details_of_account REFERENCES accounts,
    name       text        NOT NULL,
    address    text        NOT NULL,
    tax_number text,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT billing_details_pk PRIMARY KEY (account_id)
);

-- A main account looks at its subs.
CREATE INDEX accounts_by_parent ON accounts (parent_id, account_id) WHERE parent_id IS NOT NULL;

-- When what is personal was removed; the ledger stays, without the person.
ALTER TABLE accounts ADD COLUMN person_removed_at timestamptz;

-- Events for platforms leave by the outbox as well. `queue` is the routing key where an exchange is named.
ALTER TABLE outbox ADD COLUMN exchange text NOT NULL DEFAULT '';

-- For people who look at an account's entries: an index on days that are over. The day that is being written has none, which
-- would cost the senders a fifth of their throughput. Whoever still writes to the day waits meanwhile, so the caller sets a
-- short time for locks and for the whole, and comes when hardly anybody does.
CREATE FUNCTION ledger_index_day(partition text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    day text := ledger_day_table(partition);
BEGIN
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I (account_id, service, event_id)', day || '_by_wallet', day);
END
$$;

-- What each wallet sent, got and gave in a day, so that a chart of a month adds up a few rows and not a few million.
CREATE TABLE ledger_sums (
    account_id  bigint NOT NULL,
    service     text   NOT NULL,
    counted_day date   NOT NULL, -- the ledger's own: a partition, in UTC
    day         date   NOT NULL, -- the platform's: in its time zone
    sent_milli  bigint NOT NULL,
    added_milli bigint NOT NULL,
    taken_milli bigint NOT NULL, -- given away, taken back
    CONSTRAINT ledger_sums_pk PRIMARY KEY (account_id, service, counted_day, day)
);
CREATE INDEX ledger_sums_by_count ON ledger_sums (counted_day);

-- Days that were counted, the oldest first and without a gap.
CREATE TABLE counted_days (
    day        date        NOT NULL CONSTRAINT counted_days_pk PRIMARY KEY,
    inserted   bigint      NOT NULL, -- entries that had ever been made when it was: more by now, and it is counted again
    counted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Counts a day that is over. A day of the platform begins somewhere within it, at the key `midnight`. Days that are closed
-- meanwhile stand in carried_forward, and are forgotten here.
CREATE FUNCTION ledger_count_day(partition text, counted date, midnight uuid, day_before date, day_after date)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    counted_table text := ledger_day_table(partition);
    closed_through date := (SELECT max(day) FROM closed_days);
    inserted_so_far bigint := pg_stat_get_tuples_inserted(format('%I', counted_table)::regclass);
BEGIN
    DELETE FROM ledger_sums WHERE counted_day = counted OR counted_day <= closed_through;
    DELETE FROM counted_days WHERE day = counted OR day < closed_through;
    EXECUTE format('INSERT INTO ledger_sums (account_id, service, counted_day, day, sent_milli, added_milli, taken_milli)
                    SELECT account_id, service, $1, CASE WHEN event_id < $2 THEN $3 ELSE $4 END,
                           coalesce(-sum(credits_milli) FILTER (WHERE kind = ''send''), 0),
                           coalesce(sum(credits_milli) FILTER (WHERE kind <> ''send'' AND credits_milli > 0), 0),
                           coalesce(-sum(credits_milli) FILTER (WHERE kind <> ''send'' AND credits_milli < 0), 0)
                      FROM %I GROUP BY 1, 2, 4', counted_table) USING counted, midnight, day_before, day_after;
    INSERT INTO counted_days (day, inserted) VALUES (counted, inserted_so_far);
END
$$;
DO $$
DECLARE
    signature regprocedure;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'ledger_index_day(text)', 'ledger_count_day(text, date, uuid, date, date)']::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema());
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
    END LOOP;
END
$$;
