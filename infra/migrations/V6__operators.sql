-- What operators do, and what they see: paused queues, processes that are alive, messages moved by hand.

-- A row here: no worker takes messages of that queue, until the row is gone or its time is over. Every worker looks for
-- itself every few seconds; nobody holds a lock, so nobody's end matters.
CREATE TABLE paused_queues (
    queue     text        NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at   timestamptz, -- none: until somebody resumes it
    who       text        NOT NULL,
    reason    text        NOT NULL,
    CONSTRAINT paused_queues_pk PRIMARY KEY (queue)
);

-- Each process says every few seconds that it is alive, and what it is about. Rows of those that have long been silent are
-- removed by the sweeper.
CREATE TABLE processes (
    process_id uuid        NOT NULL, -- new at each start
    name       text        NOT NULL, -- sms-sent, sweeper, …
    version    text        NOT NULL,
    host       text        NOT NULL,
    pid        integer     NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    state      text        NOT NULL CONSTRAINT processes_state_known CHECK (state IN ('ready', 'not-ready', 'paused', 'stopping')),
    why        text,                -- of a state that is not ready
    handled    bigint      NOT NULL DEFAULT 0, -- messages since its start
    per_s      real        NOT NULL DEFAULT 0, -- messages a second, lately
    CONSTRAINT processes_pk PRIMARY KEY (process_id)
) WITH (fillfactor = 50);

-- What a person did by hand that changes no wallet. Rows are never changed or removed.
CREATE TABLE operator_acts (
    act_id uuid        NOT NULL,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    who    text        NOT NULL, -- user@host of the command
    act    text        NOT NULL CONSTRAINT operator_acts_known CHECK (act IN ('redrive', 'discard', 'pause', 'resume')),
    queue  text        NOT NULL,
    reason text        NOT NULL,
    CONSTRAINT operator_acts_pk PRIMARY KEY (act_id)
);

-- The messages of such an act, each written down before it leaves the dead letters: a repeat of an act that was cut short
-- writes a row more, and moves nothing twice.
CREATE TABLE operator_acts_messages (
    act_id     uuid        NOT NULL,
    number     integer     NOT NULL, -- in the order of the act
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    message_id text,
    type       text,
    account_id bigint,
    parked_why text,
    moved_to   text,                -- none: discarded
    body       bytea,               -- of a discarded one, which is nowhere else any more
    CONSTRAINT operator_acts_messages_pk PRIMARY KEY (act_id, number),
    CONSTRAINT operator_acts_messages_of_act FOREIGN KEY (act_id) REFERENCES operator_acts,
    CONSTRAINT operator_acts_messages_kept CHECK ((moved_to IS NULL) = (body IS NOT NULL))
);
CREATE INDEX operator_acts_messages_by_account ON operator_acts_messages (account_id) WHERE account_id IS NOT NULL;
