-- The ledger and each of its partitions refuse changes by a trigger
SELECT format('%s has no trigger that refuses changes', r.relname) AS violation
  FROM (SELECT 'ledger'::regclass::oid AS oid
         UNION ALL
        SELECT inhrelid FROM pg_inherits WHERE inhparent = 'ledger'::regclass) l
  JOIN pg_class r ON r.oid = l.oid
 WHERE NOT EXISTS (SELECT FROM pg_trigger t
                    WHERE t.tgrelid = l.oid AND t.tgname = 'ledger_append_only' AND t.tgenabled IN ('O', 'A'))
