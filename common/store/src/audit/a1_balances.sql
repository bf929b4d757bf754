-- $1 the smallest ledger key that no closed day has
SELECT format('wallet %s/%s has %s, its ledger entries come to %s (in thousandths)',
              account_id, service, w.balance_milli, coalesce(s.milli, 0)) AS violation
  FROM wallets w
  LEFT JOIN (-- what closed days left, and what open days hold
             SELECT account_id, service, sum(milli) AS milli
               FROM (SELECT account_id, service, credits_milli AS milli FROM carried_forward
                      UNION ALL
                     SELECT account_id, service, sum(credits_milli) FROM ledger
                      WHERE event_id >= $1 GROUP BY account_id, service) e
              GROUP BY account_id, service) s
 USING (account_id, service)
 WHERE w.balance_milli <> coalesce(s.milli, 0)
