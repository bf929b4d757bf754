-- $1 the spacing in microseconds
WITH charged AS (
    SELECT p.account_id, p.reference, p.intent_at,
           -- when it was first settled: a success that comes after a failure counts from the failure
           (SELECT min(s.settled_at) FROM topup_steps s
             WHERE s.account_id = p.account_id AND s.topup_id = p.topup_id AND s.state IN ('succeeded', 'failed')) AS settled_at
      FROM payments p
     WHERE p.kind = 'topup'
       -- what never reached the gateway was no charge
       AND NOT (p.state = 'failed' AND p.settled_by IS NULL)
       -- nor was it one, as far as anybody could know, while the gateway said that it had none of it
       AND NOT EXISTS (SELECT FROM topup_steps s
                        WHERE s.account_id = p.account_id AND s.topup_id = p.topup_id AND s.state = 'skipped')
), paired AS (
    SELECT *,
           lag(reference) OVER account AS earlier,
           lag(settled_at) OVER account AS earlier_settled_at
      FROM charged
    WINDOW account AS (PARTITION BY account_id ORDER BY intent_at, reference)
)
SELECT format('account %s: %s was charged at %s, and %s before it was settled at %s', account_id, reference,
              intent_at, earlier, coalesce(earlier_settled_at::text, 'no time yet')) AS violation
  FROM paired
 WHERE earlier IS NOT NULL
   AND (earlier_settled_at IS NULL OR intent_at < earlier_settled_at + $1::bigint * interval '1 microsecond')
