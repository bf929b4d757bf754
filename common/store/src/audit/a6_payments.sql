SELECT format('payment %s is %s, its top-up is %s', p.reference, p.state, t.state) AS violation
  FROM payments p
  JOIN topups t ON t.account_id = p.account_id AND t.topup_id = p.topup_id
 WHERE NOT CASE p.state
             -- on its way, or to be tried again after trouble of our own
             WHEN 'charging' THEN t.state = 'charging' OR t.state = 'scheduled' AND p.retry_at IS NOT NULL
             -- never reached the gateway, and was not wanted any more
             WHEN 'failed' THEN t.state IN ('failed', 'skipped')
             ELSE t.state = p.state
           END
