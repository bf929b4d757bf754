-- $1 the smallest ledger key that no closed day has. Both ends of a transfer bear one moment, so one day.
SELECT format('the %s ends of transfer %s sum to %s (in thousandths)',
              count(*), coalesce(detail, 'without a name'), sum(credits_milli)) AS violation
  FROM ledger
 WHERE event_id >= $1 AND kind IN ('transfer-in', 'transfer-out')
 GROUP BY detail
HAVING sum(credits_milli) <> 0
    OR count(*) FILTER (WHERE kind = 'transfer-in') <> 1
    OR count(*) FILTER (WHERE kind = 'transfer-out') <> 1
