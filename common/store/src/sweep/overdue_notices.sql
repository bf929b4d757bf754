-- $1 the age in microseconds, $2 how many at most
WITH overdue AS (
    SELECT account_id, notification_id
      FROM notices
     WHERE state = 'queued'
       AND created_at < clock_timestamp() - $1::bigint * interval '1 microsecond'
       AND (called_at IS NULL OR called_at < clock_timestamp() - $1::bigint * interval '1 microsecond')
     ORDER BY created_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED
)
-- The next sweep leaves it alone for a while.
UPDATE notices n
   SET called_at = clock_timestamp()
  FROM overdue o
 WHERE n.account_id = o.account_id AND n.notification_id = o.notification_id
RETURNING n.account_id, n.notification_id, n.channel, n.template, n.params
