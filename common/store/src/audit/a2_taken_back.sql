-- $1 the smallest ledger key that no closed day has
WITH reversed AS (
    SELECT account_id, b.service, r.taken_back_milli AS milli, 'reversal:' || reference || ':' || r.reversal_id AS detail
      FROM reversals r JOIN payments_buy b USING (account_id, reference)
     WHERE r.state = 'reversed' AND r.taken_back_milli > 0
       -- on a day that is still open: a key begins with its milliseconds
       AND r.ended_at >= to_timestamp(('x' || left(replace($1::uuid::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
), entries AS (
    SELECT account_id, service, detail, sum(credits_milli) AS milli
      FROM ledger
     WHERE event_id >= $1 AND kind = 'reversal'
     GROUP BY account_id, service, detail
)
SELECT format('%s of %s/%s takes back %s, its ledger entries come to %s (in thousandths)', coalesce(detail, 'nothing'),
              account_id, service, coalesce(r.milli, 0), coalesce(e.milli, 0)) AS violation
  FROM reversed r FULL JOIN entries e USING (account_id, service, detail)
 WHERE r.milli IS DISTINCT FROM -e.milli
