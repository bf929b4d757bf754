-- $1 the smallest ledger key that no closed day has
SELECT format('ledger entry %s credits %s to %s/%s for %s, which no succeeded payment of that size paid for',
              l.event_id, l.credits_milli, l.account_id, l.service, coalesce(l.detail, 'nothing')) AS violation
  FROM ledger l
  LEFT JOIN topups t ON t.account_id = l.account_id AND 'topup:' || t.topup_id = l.detail
  LEFT JOIN payments p ON p.account_id = t.account_id AND p.topup_id = t.topup_id AND p.state IN ('succeeded', 'reversed')
 WHERE l.event_id >= $1 AND l.kind = 'topup'
   AND (p.reference IS NULL OR t.service <> l.service OR t.quantity_milli <> l.credits_milli)
