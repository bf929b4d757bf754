-- $1 the smallest ledger key that no closed day has
WITH succeeded AS (
    SELECT account_id, service, quantity_milli, settled_at, 'topup:' || topup_id AS detail,
           CASE method WHEN 'card' THEN 'topup' ELSE 'transfer-in' END AS kind
      FROM topups
     WHERE state IN ('succeeded', 'reversed')
     UNION ALL
    SELECT account_id, b.service, b.quantity_milli, p.settled_at, b.detail, 'purchase'
      FROM payments p JOIN payments_buy b USING (account_id, reference)
     WHERE p.kind = 'purchase' AND p.state IN ('succeeded', 'reversed')
)
SELECT format('%s of %s/%s succeeded with %s credits (in thousandths) and %s ledger entries',
              s.detail, s.account_id, s.service, s.quantity_milli, count(l.event_id)) AS violation
  FROM succeeded s
  LEFT JOIN ledger l ON l.account_id = s.account_id AND l.service = s.service AND l.detail = s.detail AND l.kind = s.kind
        AND l.event_id >= $1
       -- settled on a day that is still open: a key begins with its milliseconds
 WHERE s.settled_at >= to_timestamp(('x' || left(replace($1::uuid::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
 GROUP BY s.account_id, s.service, s.detail, s.quantity_milli
HAVING count(l.event_id) <> 1 OR sum(l.credits_milli) <> s.quantity_milli
