-- A main is told of its sub's failure (X2), so a top-up's notice need not be its own account's
SELECT format('notice %s of account %s says %s, which never happened', n.notification_id, n.account_id, n.cause) AS violation
  FROM notices n
 WHERE CASE split_part(n.cause, ':', 1)
         WHEN 'topup' THEN
             NOT EXISTS (SELECT FROM topup_steps s
                          WHERE s.topup_id::text = split_part(n.cause, ':', 2) AND s.state = split_part(n.cause, ':', 3))
         -- a success can follow a failure, so a failure that was told need not be the end
         WHEN 'purchase' THEN
             NOT EXISTS (SELECT FROM payments p
                          WHERE p.account_id = n.account_id AND p.purchase_id::text = split_part(n.cause, ':', 2)
                            AND (p.state IN ('succeeded', 'reversed')
                                 OR p.state = 'failed' AND split_part(n.cause, ':', 3) = 'failed'))
         -- as of a purchase: a payment that came late ends it anew
         WHEN 'registration' THEN
             NOT EXISTS (SELECT FROM card_registrations r
                          WHERE r.account_id = n.account_id AND r.registration_id::text = split_part(n.cause, ':', 2)
                            AND r.outcome IS NOT NULL
                            AND split_part(n.cause, ':', 3) IN (r.outcome, 'failed'))
         WHEN 'reversal' THEN
             NOT EXISTS (SELECT FROM reversals r
                          WHERE r.account_id = n.account_id AND r.state = 'reversed'
                            AND 'reversal:' || r.reference || ':' || r.reversal_id = n.cause)
         ELSE false
       END
