SELECT format('top-up %s of account %s has %s succeeded payments', topup_id, account_id, count(*)) AS violation
  FROM payments
 WHERE state IN ('succeeded', 'reversed')
 GROUP BY account_id, topup_id
HAVING count(*) > 1
