-- $1 the longest wait in microseconds
SELECT format('message %s for %s waits to be published since %s', message_id, queue, created_at) AS violation
  FROM outbox
 WHERE created_at < clock_timestamp() - $1::bigint * interval '1 microsecond'
