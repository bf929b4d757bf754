SELECT format('%s of account %s has %s succeeded payments', detail, account_id, count(*)) AS violation
  FROM payments_buy
 WHERE state IN ('succeeded', 'reversed')
 GROUP BY account_id, detail
HAVING count(*) > 1
 UNION ALL
-- a reference says itself what it is for: there is no second one for the same
SELECT format('payment %s of account %s pays for %s', reference, account_id, detail)
  FROM payments_buy
 WHERE reference <> kind || '-' || account_id || substr(replace(detail, ':', '-'), length(kind) + 1)
