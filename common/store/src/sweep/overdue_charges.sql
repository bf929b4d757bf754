-- $1 the age in microseconds, $2 how many at most
WITH overdue AS (
    SELECT p.account_id, p.reference, t.topup_id
      FROM topups t
      JOIN payments p USING (account_id, topup_id)
     WHERE t.state = 'charging' AND p.state = 'charging'
       -- our own trouble is tried again by the top-up, not asked about
       AND p.retry_at IS NULL
       AND coalesce(t.woken_at, p.intent_at) < clock_timestamp() - $1::bigint * interval '1 microsecond'
     ORDER BY p.intent_at
     LIMIT $2
       FOR UPDATE OF t SKIP LOCKED
)
-- The next sweep leaves it alone for a while: the result is on its way.
UPDATE topups t
   SET woken_at = clock_timestamp()
  FROM overdue o
  JOIN payments p ON p.account_id = o.account_id AND p.reference = o.reference
 WHERE t.account_id = o.account_id AND t.topup_id = o.topup_id
RETURNING o.account_id, o.reference, p.gateway, p.mode, p.answer, t.traceparent
