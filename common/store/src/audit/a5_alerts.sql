WITH happened AS (
    SELECT account_id, CASE state WHEN 'reversed' THEN 'reversal:' ELSE 'alert:dispute:' END
                       || reference || ':' || reversal_id AS cause
      FROM reversals
     WHERE state IN ('reversed', 'disputed')
     UNION ALL
    SELECT account_id, 'alert:parked:' || reference FROM payments WHERE state = 'parked'
)
SELECT format('%s of account %s is told by %s notices instead of 2', h.cause, account_id, count(n.notification_id)) AS violation
  FROM happened h
  LEFT JOIN notices n USING (account_id, cause)
 GROUP BY account_id, h.cause
HAVING count(DISTINCT n.channel) <> 2 OR count(n.notification_id) <> 2
