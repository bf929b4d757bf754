-- $1 the grace in microseconds, $2 how many at most
WITH overdue AS (
    SELECT t.account_id, t.topup_id
      FROM topups t
     WHERE -- was not taken up, nor called again, within the grace
           coalesce(t.woken_at, t.requested_at) < clock_timestamp() - $1::bigint * interval '1 microsecond'
       AND (-- asked for, and nobody came
            t.state = 'requested'
            -- its moment has passed
            OR t.state = 'scheduled' AND t.due_at < clock_timestamp() - $1::bigint * interval '1 microsecond'
            -- it waits for an earlier one that does not hold the account's claim any more
            OR t.state = 'scheduled' AND t.due_at IS NULL
               AND NOT EXISTS (SELECT FROM card_spacing s
                                WHERE s.account_id = t.account_id AND s.unsettled_topup IS NOT NULL
                                  AND s.unsettled_topup <> t.topup_id))
       -- while nobody takes messages, calls would only pile up
       AND NOT EXISTS (SELECT FROM paused_queues p
                        WHERE p.queue = 'topup-requested' AND (p.ends_at IS NULL OR p.ends_at > clock_timestamp()))
     ORDER BY t.requested_at
     LIMIT $2
       FOR UPDATE OF t SKIP LOCKED
)
-- The next sweep leaves it alone for a while.
UPDATE topups t
   SET woken_at = clock_timestamp()
  FROM overdue o
 WHERE t.account_id = o.account_id AND t.topup_id = o.topup_id
RETURNING t.account_id, t.service, t.topup_id, t.requested_at, t.traceparent
