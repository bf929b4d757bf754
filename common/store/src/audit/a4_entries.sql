-- $1 the smallest ledger key that no closed day has
SELECT format('%s ledger entries are of %s/%s, which has no wallet', e.entries, e.account_id, e.service) AS violation
  FROM (SELECT account_id, service, count(*) AS entries FROM ledger WHERE event_id >= $1 GROUP BY account_id, service) e
 WHERE NOT EXISTS (SELECT FROM wallets w WHERE w.account_id = e.account_id AND w.service = e.service)
