-- A wallet, what it brought along from closed days, and what was counted of each day since: a row a day, or one without
SELECT w.balance_milli,
       coalesce(c.credits_milli, 0) AS carried_milli,
       (SELECT max(d.day)::text FROM counted_days d) AS counted_through,
       s.day::text AS day, s.sent_milli, s.added_milli, s.taken_milli
  FROM wallets w
  LEFT JOIN carried_forward c ON c.account_id = w.account_id AND c.service = w.service
  LEFT JOIN LATERAL (
       SELECT l.day,
              sum(l.sent_milli)::bigint AS sent_milli,
              sum(l.added_milli)::bigint AS added_milli,
              sum(l.taken_milli)::bigint AS taken_milli
         FROM ledger_sums l
        WHERE l.account_id = w.account_id AND l.service = w.service
              -- a closed day's are carried forward, and may still stand here
          AND l.counted_day > coalesce((SELECT max(d.day) FROM closed_days d), '-infinity')
        GROUP BY l.day) s ON true
 WHERE w.account_id = $1 AND w.service = $2
