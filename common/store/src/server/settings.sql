SELECT current_setting('server_version_num')::integer AS version_num,
       split_part(current_setting('server_version'), ' ', 1) AS version,
       current_setting('default_transaction_isolation') AS isolation,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('max_connections')::bigint
         - current_setting('superuser_reserved_connections')::bigint AS connections_max,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       current_user::text AS role,
       ARRAY(SELECT c.relname::text
               FROM pg_class c
              WHERE c.relnamespace = current_schema()::regnamespace
                AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT'))
              ORDER BY c.relname) AS closed_tables,
       clock_timestamp() AS now
