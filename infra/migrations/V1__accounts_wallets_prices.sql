-- Who may send, with what credits, and what credits cost.
-- Credits are bigint thousandths, money is bigint minor units; there is no float anywhere.
-- Every key begins with account_id, so that an account's rows can stay together on one node of a
-- distributed PostgreSQL. For the same reason parent_id is no foreign key: a main account and its subs
-- may live apart; the import checks it, and the audit does.

CREATE TABLE accounts (
    account_id             bigint      NOT NULL CONSTRAINT accounts_id_positive CHECK (account_id > 0),
    kind                   text        NOT NULL CONSTRAINT accounts_kind_known CHECK (kind IN ('main', 'sub')),
    parent_id              bigint,
    currency               text        NOT NULL CONSTRAINT accounts_currency_code CHECK (currency ~ '^[A-Z]{3}$'),
    language               text        NOT NULL,
    mobile                 text,
    email                  text,
    cap_topups_per_day     integer     CONSTRAINT accounts_day_cap_sane CHECK (cap_topups_per_day >= 0),
    cap_minor_per_month    bigint      CONSTRAINT accounts_month_cap_sane CHECK (cap_minor_per_month >= 0),
    created_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT accounts_pk PRIMARY KEY (account_id),
    CONSTRAINT accounts_sub_has_parent CHECK ((kind = 'sub') = (parent_id IS NOT NULL)),
    CONSTRAINT accounts_no_own_parent CHECK (parent_id <> account_id)
);

-- A gateway's token for a saved card. The card number never enters this system.
CREATE TABLE cards (
    account_id         bigint      NOT NULL CONSTRAINT cards_of_account REFERENCES accounts,
    card_id            uuid        NOT NULL,
    gateway            text        NOT NULL,
    authorization_code text        NOT NULL, -- the token; empty once it is forgotten
    email              text        NOT NULL, -- the address that created the token: only it can charge
    brand              text,
    last4              text        CONSTRAINT cards_last4_only CHECK (last4 ~ '^[0-9]{4}$'),
    exp_month          smallint    CONSTRAINT cards_month CHECK (exp_month BETWEEN 1 AND 12),
    exp_year           smallint    CONSTRAINT cards_year CHECK (exp_year BETWEEN 2000 AND 2200),
    signature          text,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT cards_pk PRIMARY KEY (account_id, card_id)
);

-- One row a wallet: balance, thresholds, auto top-up settings and the open top-up together, because a
-- lock that had to wait returns this row as it now is, but a joined one as it was.
CREATE TABLE wallets (
    account_id                 bigint  NOT NULL CONSTRAINT wallets_of_account REFERENCES accounts,
    service                    text    NOT NULL CONSTRAINT wallets_service_known CHECK (service IN ('sms', 'whatsapp')),
    balance_milli              bigint  NOT NULL,
    held_milli                 bigint  NOT NULL DEFAULT 0 CONSTRAINT wallets_held_not_negative CHECK (held_milli >= 0),
    low_credit_threshold_milli bigint  NOT NULL DEFAULT 0 CONSTRAINT wallets_low_credit_sane CHECK (low_credit_threshold_milli >= 0),
    auto_method                text    CONSTRAINT wallets_method_known CHECK (auto_method IN ('card', 'transfer')),
    auto_threshold_milli       bigint  CONSTRAINT wallets_threshold_sane CHECK (auto_threshold_milli >= 0),
    auto_quantity_milli        bigint  CONSTRAINT wallets_quantity_sane CHECK (auto_quantity_milli > 0),
    auto_enabled               boolean NOT NULL DEFAULT false,
    auto_disabled_reason       text,
    auto_disabled_at           timestamptz,
    auto_card_id               uuid,
    consecutive_failures       integer NOT NULL DEFAULT 0,
    open_topup_id              uuid,
    CONSTRAINT wallets_pk PRIMARY KEY (account_id, service),
    CONSTRAINT wallets_card_saved FOREIGN KEY (account_id, auto_card_id) REFERENCES cards,
    CONSTRAINT wallets_settings_whole CHECK (
        (auto_method IS NULL AND auto_threshold_milli IS NULL AND auto_quantity_milli IS NULL AND NOT auto_enabled)
        OR (auto_method IS NOT NULL AND auto_threshold_milli IS NOT NULL AND auto_quantity_milli IS NOT NULL)),
    CONSTRAINT wallets_quantity_covers_threshold CHECK (auto_quantity_milli >= auto_threshold_milli)
) WITH (fillfactor = 50); -- room for HOT updates: a wallet's row changes with every batch

-- Agreements to the terms of automatic card charges: version, time and address are kept.
CREATE TABLE consents (
    account_id    bigint      NOT NULL CONSTRAINT consents_of_account REFERENCES accounts,
    consent_id    uuid        NOT NULL,
    service       text        NOT NULL CONSTRAINT consents_service_known CHECK (service IN ('sms', 'whatsapp')),
    terms_version text        NOT NULL,
    address       text        NOT NULL,
    agreed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT consents_pk PRIMARY KEY (account_id, consent_id)
);

-- The price list, replaced as a whole. The tier reached prices the whole quantity.
CREATE TABLE price_tiers (
    service               text   NOT NULL CONSTRAINT price_tiers_service_known CHECK (service IN ('sms', 'whatsapp')),
    currency              text   NOT NULL CONSTRAINT price_tiers_currency_code CHECK (currency ~ '^[A-Z]{3}$'),
    from_milli            bigint NOT NULL CONSTRAINT price_tiers_from_sane CHECK (from_milli >= 0),
    unit_price_millionths bigint NOT NULL CONSTRAINT price_tiers_price_positive CHECK (unit_price_millionths > 0), -- millionths of a minor unit, a credit
    tax_percent_e4        bigint NOT NULL CONSTRAINT price_tiers_tax_sane CHECK (tax_percent_e4 BETWEEN 0 AND 1000000),
    CONSTRAINT price_tiers_pk PRIMARY KEY (service, currency, from_milli)
);
