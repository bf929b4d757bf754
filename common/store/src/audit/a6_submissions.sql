-- A step to `charging` is written under the wallet's lock; an answer that was written down twice is one call
SELECT format('%s was submitted %s times, and decided on %s times', p.reference, c.calls, s.steps) AS violation
  FROM payments p
 CROSS JOIN LATERAL (SELECT count(DISTINCT c.started_at) AS calls FROM payment_calls c
                      WHERE c.account_id = p.account_id AND c.reference = p.reference AND c.call = 'charge') c
 CROSS JOIN LATERAL (SELECT count(*) AS steps FROM topup_steps s
                      WHERE s.account_id = p.account_id AND s.topup_id = p.topup_id AND s.state = 'charging') s
 WHERE p.kind = 'topup' AND c.calls > s.steps
