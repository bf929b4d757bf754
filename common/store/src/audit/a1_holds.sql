SELECT format('wallet %s/%s has %s held, its open batches and disputes hold %s (in thousandths)',
              account_id, service, w.held_milli, coalesce(h.milli, 0)) AS violation
  FROM wallets w
  LEFT JOIN (SELECT account_id, service, sum(milli) AS milli
               FROM (SELECT account_id, service, credits_milli - used_milli AS milli FROM holds WHERE state = 'open'
                      UNION ALL
                     SELECT account_id, b.service, r.held_milli
                       FROM reversals r JOIN payments_buy b USING (account_id, reference)
                      WHERE r.state = 'disputed') held
              GROUP BY account_id, service) h
 USING (account_id, service)
 WHERE w.held_milli <> coalesce(h.milli, 0)
