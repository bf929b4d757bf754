-- $1 whose, $2 how many top-ups at most: each has at most a few notices
SELECT n.notification_id, n.template, n.channel, n.state, n.detail, n.created_at, n.ended_at,
       n.params ->> 'service' AS service,
       -- the top-up that it is about, where it is about one
       t.topup_id,
       CASE n.channel WHEN 'sms' THEN a.mobile ELSE a.email END AS sent_to
  FROM notices n
  JOIN accounts a ON a.account_id = n.account_id
  LEFT JOIN topups t ON t.account_id = n.account_id AND t.topup_id::text = split_part(n.cause, ':', 2)
 WHERE n.account_id = $1
 ORDER BY n.created_at DESC
 LIMIT 8 * $2::bigint
