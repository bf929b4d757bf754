SELECT state,
       count(*) AS topups,
       extract(epoch FROM clock_timestamp() - min(requested_at))::bigint AS oldest_age_s
  FROM topups
 -- as the index of open top-ups says it, so that only they are looked at
 WHERE state IN ('requested', 'scheduled', 'charging', 'pending', 'unknown', 'parked')
 GROUP BY state
 ORDER BY state
