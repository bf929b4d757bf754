-- A main is told of its sub's failure (X2), so a top-up's notice need not be its own account's
SELECT format('notice %s of account %s says %s, which never happened', n.notification_id, n.account_id, n.cause) AS violation
  FROM notices n
 WHERE n.cause LIKE 'topup:%'
   AND NOT EXISTS (SELECT FROM topup_steps s
                    WHERE s.topup_id::text = split_part(n.cause, ':', 2) AND s.state = split_part(n.cause, ':', 3))
