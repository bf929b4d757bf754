WITH settled AS (
    SELECT account_id, 'topup:' || topup_id || CASE state WHEN 'failed' THEN ':failed' ELSE ':succeeded' END AS cause
      FROM topups
     WHERE state IN ('succeeded', 'failed', 'reversed')
     UNION ALL
    SELECT account_id, detail || CASE state WHEN 'failed' THEN ':failed' ELSE ':succeeded' END
      FROM payments_buy
     WHERE kind = 'purchase' AND state IN ('succeeded', 'failed', 'reversed')
     UNION ALL
    SELECT account_id, 'registration:' || registration_id || ':' || r.outcome
      FROM card_registrations r
      JOIN payments p USING (account_id, registration_id)
     -- one that another took the place of was settled by nobody, and whoever asked for the other knows
     WHERE r.outcome IN ('enabled', 'not-enabled') OR r.outcome = 'failed' AND p.settled_by IS NOT NULL
)
SELECT format('%s of account %s is told by %s notices instead of 2', s.cause, account_id, count(n.notification_id)) AS violation
  FROM settled s
  LEFT JOIN notices n USING (account_id, cause)
 GROUP BY account_id, s.cause
HAVING count(DISTINCT n.channel) <> 2 OR count(n.notification_id) <> 2
