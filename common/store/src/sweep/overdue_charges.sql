-- $1 the age in microseconds, $2 how many at most
WITH overdue AS (
    SELECT account_id, reference
      FROM payments
     WHERE state = 'charging' AND answer IS NOT NULL
       -- our own trouble is tried again by the top-up
       AND retry_at IS NULL
       -- what was published again and still settled nothing is asked about
       AND ask_at IS NULL
       AND answered_at < statement_timestamp() - $1::bigint * interval '1 microsecond'
     ORDER BY answered_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED
)
UPDATE payments p
   SET ask_at = clock_timestamp() + $1::bigint * interval '1 microsecond'
  FROM overdue o
 WHERE p.account_id = o.account_id AND p.reference = o.reference
RETURNING p.account_id, p.answer,
          coalesce((SELECT t.traceparent FROM topups t
                     WHERE t.account_id = p.account_id AND t.topup_id = p.topup_id),
                   (SELECT b.traceparent FROM purchases b
                     WHERE b.account_id = p.account_id AND b.purchase_id = p.purchase_id),
                   (SELECT r.traceparent FROM card_registrations r
                     WHERE r.account_id = p.account_id AND r.registration_id = p.registration_id)) AS traceparent
