-- $1 … $5 which process, $6 how long it has run in microseconds, $7 … $11 how it stands, $12 the queue that it takes from
WITH said AS (
    INSERT INTO processes (process_id, name, version, host, pid, started_at, seen_at, state, why, handled, per_s,
                           clock_ahead_ms)
    VALUES ($1, $2, $3, $4, $5, clock_timestamp() - $6::bigint * interval '1 microsecond', clock_timestamp(),
            $7, $8, $9, $10, $11)
    ON CONFLICT (process_id) DO UPDATE
       SET seen_at = excluded.seen_at, state = excluded.state, why = excluded.why,
           handled = excluded.handled, per_s = excluded.per_s, clock_ahead_ms = excluded.clock_ahead_ms
)
-- answered in the same breath: whether its queue is paused
SELECT queue, paused_at, ends_at, who, reason
  FROM paused_queues
 WHERE queue = $12::text
   AND (ends_at IS NULL OR ends_at > clock_timestamp())
