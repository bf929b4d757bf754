-- $1 the smallest ledger key that no closed day has
SELECT format('top-up %s of %s/%s succeeded with %s credits (in thousandths) and %s ledger entries',
              t.topup_id, t.account_id, t.service, t.quantity_milli, count(l.event_id)) AS violation
  FROM topups t
  LEFT JOIN ledger l ON l.account_id = t.account_id AND l.service = t.service AND l.detail = 'topup:' || t.topup_id
        AND l.kind = CASE t.method WHEN 'card' THEN 'topup' ELSE 'transfer-in' END
        AND l.event_id >= $1
 WHERE t.state IN ('succeeded', 'reversed')
   -- settled on a day that is still open: a key begins with its milliseconds
   AND t.settled_at >= to_timestamp(('x' || left(replace($1::uuid::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
 GROUP BY t.account_id, t.topup_id
HAVING count(l.event_id) <> 1 OR sum(l.credits_milli) <> t.quantity_milli
