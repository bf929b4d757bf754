-- The ledger's days up to the one whose table is $1, the oldest first: which lack an index, which are too large to be
-- given one by whoever asks, which are to be counted
-- Materialized: names of other relations would not be read as days before they are sorted out.
WITH days AS MATERIALIZED (
    SELECT c.oid, c.relname::text AS name, to_date(c.relname::text, '"ledger_"YYYY_MM_DD') AS day
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'ledger'::regclass AND NOT i.inhdetachpending AND c.relname <= $1
)
SELECT d.day::text AS day, w.lacks_index AND w.bytes <= $4 AS wants_index, w.lacks_index AND w.bytes > $4 AS is_too_large,
       w.wants_count
  FROM days d
  LEFT JOIN counted_days k ON k.day = d.day
 CROSS JOIN LATERAL (
       SELECT pg_relation_size(d.oid) AS bytes,
              pg_relation_size(d.oid) >= $2
              AND NOT EXISTS (SELECT FROM pg_index x JOIN pg_class n ON n.oid = x.indexrelid
                               WHERE x.indrelid = d.oid AND x.indisvalid AND n.relname = d.name || '_by_wallet') AS lacks_index,
              k.day IS NULL
              OR (k.inserted <> pg_stat_get_tuples_inserted(d.oid)
                  AND k.counted_at < clock_timestamp() - $3::float8 * interval '1 second') AS wants_count) w
 WHERE (w.lacks_index OR w.wants_count)
       -- what is closed is carried forward
   AND d.day > coalesce((SELECT max(c.day) FROM closed_days c), '-infinity')
 ORDER BY d.day
