SELECT format('top-up %s of account %s %s, and %s notices say so instead of 2', t.topup_id, t.account_id, t.state,
              count(n.notification_id)) AS violation
  FROM topups t
  LEFT JOIN notices n ON n.account_id = t.account_id
        AND n.cause = 'topup:' || t.topup_id || CASE t.state WHEN 'failed' THEN ':failed' ELSE ':succeeded' END
 WHERE t.state IN ('succeeded', 'failed', 'reversed')
 GROUP BY t.account_id, t.topup_id
HAVING count(DISTINCT n.channel) <> 2 OR count(n.notification_id) <> 2
