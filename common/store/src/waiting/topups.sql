-- $1 the grace in microseconds
WITH waiting AS (
    SELECT requested_at,
           -- asked for: to be taken up at once; waiting for an earlier one: nobody knows when
           extract(epoch FROM clock_timestamp()
                   - CASE state WHEN 'requested' THEN requested_at ELSE due_at END)::float8 AS late_s
      FROM topups
     WHERE state IN ('requested', 'scheduled')
), judged AS (
    SELECT requested_at, late_s, coalesce(late_s > $1::bigint / 1e6, false) AS is_overdue FROM waiting
)
SELECT count(*) AS topups,
       coalesce(extract(epoch FROM clock_timestamp() - min(requested_at)), 0)::float8 AS oldest_age_s,
       count(*) FILTER (WHERE is_overdue) AS overdue,
       coalesce(max(late_s) FILTER (WHERE is_overdue), 0)::float8 AS overdue_s
  FROM judged
