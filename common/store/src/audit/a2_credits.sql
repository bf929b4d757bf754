-- $1 the smallest ledger key that no closed day has
SELECT format('ledger entry %s credits %s to %s/%s for %s, which no succeeded payment of that size paid for',
              l.event_id, l.credits_milli, l.account_id, l.service, coalesce(l.detail, 'nothing')) AS violation
  FROM ledger l
  LEFT JOIN payments_buy p ON p.account_id = l.account_id AND p.detail = l.detail AND p.kind = l.kind
        AND p.state IN ('succeeded', 'reversed')
 WHERE l.event_id >= $1 AND l.kind IN ('topup', 'purchase')
   AND (p.reference IS NULL OR p.service <> l.service OR p.quantity_milli <> l.credits_milli)
