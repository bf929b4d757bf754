-- V1. Agreeing to the terms again is what enables a card again (E6)
SELECT format('wallet %s/%s has card auto top-up enabled, though %s was given back at %s and nobody agreed to the terms since',
              w.account_id, w.service, r.reference, r.ended_at) AS violation
  FROM reversals r
  JOIN payments_buy p USING (account_id, reference)
  JOIN wallets w ON w.account_id = p.account_id AND w.service = p.service
 -- a wallet that was topped up by card before; another may have been set up for the first time since
 WHERE r.state = 'reversed' AND p.kind = 'topup' AND w.auto_method = 'card' AND w.auto_enabled
   AND NOT EXISTS (SELECT FROM consents c
                    WHERE c.account_id = w.account_id AND c.service = w.service AND c.agreed_at >= r.ended_at)
