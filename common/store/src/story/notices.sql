-- $1 whose, $2 how many top-ups and how many purchases at most: each has at most a few notices
SELECT n.notification_id, n.template, n.channel, n.state, n.detail, n.created_at, n.ended_at,
       n.params ->> 'service' AS service,
       -- the top-up that it is about, where it is about one
       t.topup_id,
       -- the operators' address is a setting
       CASE WHEN n.template = 'operator-alert' THEN NULL WHEN n.channel = 'sms' THEN a.mobile ELSE a.email END AS sent_to
  FROM notices n
  JOIN accounts a ON a.account_id = n.account_id
  LEFT JOIN topups t ON t.account_id = n.account_id AND t.topup_id::text = split_part(n.cause, ':', 2)
 WHERE n.account_id = $1
 ORDER BY n.created_at DESC
 LIMIT 16 * $2::bigint
