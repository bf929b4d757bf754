-- $1 how many at most
SELECT account_id, service, w.open_topup_id AS named, t.topup_id AS open
  FROM (SELECT account_id, service, open_topup_id FROM wallets WHERE open_topup_id IS NOT NULL) w
  FULL JOIN (SELECT account_id, service, topup_id
               FROM topups
              WHERE state IN ('requested', 'scheduled', 'charging', 'pending', 'unknown', 'parked')) t
 USING (account_id, service)
 WHERE w.open_topup_id IS DISTINCT FROM t.topup_id
 ORDER BY account_id, service
 LIMIT $1
