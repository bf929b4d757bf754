-- What is told to people, and what is still to be published.

CREATE TABLE notices (
    account_id      bigint      NOT NULL,
    notification_id uuid        NOT NULL,
    cause           text        NOT NULL, -- what it is about: one cause, one notice a channel
    template        text        NOT NULL,
    channel         text        NOT NULL CONSTRAINT notices_channel_known CHECK (channel IN ('sms', 'email')),
    params          jsonb       NOT NULL,
    state           text        NOT NULL CONSTRAINT notices_state_known CHECK (state IN ('queued', 'sent', 'skipped', 'parked')),
    detail          text,                 -- the provider's id, or why it was skipped or parked
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    called_at       timestamptz,          -- when its message was last published again
    ended_at        timestamptz,
    CONSTRAINT notices_pk PRIMARY KEY (account_id, notification_id),
    CONSTRAINT notices_once_per_cause_and_channel UNIQUE (account_id, cause, channel)
);

-- For the sweeper: notices whose message was lost with the broker.
CREATE INDEX notices_queued ON notices (created_at) WHERE state = 'queued';

-- Messages that a committed change wants published. The worker publishes its own right after commit and
-- removes them on the broker's confirm; the sweeper publishes what is left over.
CREATE TABLE outbox (
    outbox_id   bigint      NOT NULL GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_pk PRIMARY KEY,
    account_id  bigint      NOT NULL,
    queue       text        NOT NULL,
    message_id  text        NOT NULL,
    type        text        NOT NULL,
    body        bytea       NOT NULL,
    traceparent text,
    not_before  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
