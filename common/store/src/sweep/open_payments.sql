SELECT kind, state,
       count(*) AS payments,
       extract(epoch FROM clock_timestamp() - min(intent_at))::bigint AS oldest_age_s
  FROM payments
 -- as the index of open payments says it, so that only they are looked at
 WHERE state IN ('charging', 'pending', 'unknown', 'parked')
 GROUP BY kind, state
 ORDER BY kind, state
