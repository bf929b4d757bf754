WITH happened AS (
    SELECT r.account_id, CASE r.state WHEN 'reversed' THEN 'reversal:' WHEN 'failed' THEN 'alert:refund-failed:' ELSE 'alert:dispute:' END
                         || r.reference || ':' || r.reversal_id AS cause
      FROM reversals r
      JOIN payments p USING (account_id, reference)
     -- E3: the charge of a card's registration is given back as a matter of course, and took no credits
     WHERE r.state IN ('disputed', 'failed') OR r.state = 'reversed' AND p.kind <> 'registration'
     UNION ALL
    SELECT account_id, 'alert:parked:' || reference FROM payments WHERE state = 'parked'
)
SELECT format('%s of account %s is told by %s notices instead of 2', h.cause, account_id, count(n.notification_id)) AS violation
  FROM happened h
  LEFT JOIN notices n USING (account_id, cause)
 GROUP BY account_id, h.cause
HAVING count(DISTINCT n.channel) <> 2 OR count(n.notification_id) <> 2
