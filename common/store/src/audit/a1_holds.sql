SELECT format('wallet %s/%s has %s held, its open holds have %s left (in thousandths)',
              account_id, service, w.held_milli, coalesce(h.milli, 0)) AS violation
  FROM wallets w
  LEFT JOIN (SELECT account_id, service, sum(credits_milli - used_milli) AS milli
               FROM holds WHERE state = 'open' GROUP BY account_id, service) h
 USING (account_id, service)
 WHERE w.held_milli <> coalesce(h.milli, 0)
