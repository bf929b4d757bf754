SELECT format('wallet %s/%s names %s as open, open is %s', account_id, service,
              coalesce(w.open_topup_id::text, 'no top-up'), coalesce(t.topup_id::text, 'none')) AS violation
  FROM (SELECT account_id, service, open_topup_id FROM wallets WHERE open_topup_id IS NOT NULL) w
  FULL JOIN (SELECT account_id, service, topup_id
               FROM topups
              WHERE state IN ('requested', 'scheduled', 'charging', 'pending', 'unknown', 'parked')) t
 USING (account_id, service)
 WHERE w.open_topup_id IS DISTINCT FROM t.topup_id
