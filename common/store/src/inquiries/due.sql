-- $1 the lease in microseconds, $2 how old a charge without an answer is, in microseconds, $3 how many at most.
-- Rows are skipped, not waited for, so the statement's own time is the time.
WITH due AS (
    -- its moment has come
    SELECT account_id, reference
      FROM payments
     WHERE state IN ('charging', 'pending', 'unknown')
       AND ask_at <= statement_timestamp()
       -- what the gateway certainly has no charge of is tried again, not asked about
       AND (state <> 'charging' OR retry_at IS NULL)
     ORDER BY ask_at
     LIMIT $3
       FOR UPDATE SKIP LOCKED
), silent AS (
    -- nobody knows what came of the call: a worker died on the way
    SELECT p.account_id, p.reference
      FROM payments p
      LEFT JOIN topups t ON t.account_id = p.account_id AND t.topup_id = p.topup_id
     WHERE p.state = 'charging' AND p.ask_at IS NULL AND p.answer IS NULL AND p.retry_at IS NULL
       -- tried again, it was called later than intended at first
       AND greatest(p.intent_at, t.woken_at) < statement_timestamp() - $2::bigint * interval '1 microsecond'
     ORDER BY p.intent_at
     LIMIT $3
       FOR UPDATE OF p SKIP LOCKED
)
UPDATE payments p
   SET ask_at = clock_timestamp() + $1::bigint * interval '1 microsecond'
  FROM (SELECT * FROM due UNION ALL SELECT * FROM silent LIMIT $3) asked
 WHERE p.account_id = asked.account_id AND p.reference = asked.reference
RETURNING p.account_id, p.reference, p.gateway, p.mode, p.kind, p.state, p.intent_at, p.asked, p.not_known, p.ask_at,
          p.checkout_url IS NOT NULL AS on_page,
          (SELECT b.method FROM purchases b
            WHERE b.account_id = p.account_id AND b.purchase_id = p.purchase_id) AS method,
          coalesce((SELECT t.traceparent FROM topups t
                     WHERE t.account_id = p.account_id AND t.topup_id = p.topup_id),
                   (SELECT b.traceparent FROM purchases b
                     WHERE b.account_id = p.account_id AND b.purchase_id = p.purchase_id),
                   (SELECT r.traceparent FROM card_registrations r
                     WHERE r.account_id = p.account_id AND r.registration_id = p.registration_id)) AS traceparent
