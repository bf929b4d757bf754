-- One try more under a key. A window that is over begins anew; who is over the limit and goes on lengthens it.
INSERT INTO sign_in_tries AS t (key, window_start, tries) VALUES ($1, clock_timestamp(), 1)
ON CONFLICT (key) DO UPDATE
   SET (window_start, tries) = (
       SELECT CASE WHEN is_over THEN clock_timestamp() ELSE t.window_start END,
              CASE WHEN is_over THEN 1 ELSE least(t.tries + 1, 1000000) END
         FROM (SELECT t.window_start
                      + make_interval(secs => $2::float8 * 2 ^ least(greatest(t.tries / $3::int - 1, 0), $4::int))
                      < clock_timestamp() AS is_over) AS look)
RETURNING tries,
          extract(epoch FROM window_start
                  + make_interval(secs => $2::float8 * 2 ^ least(greatest(tries / $3::int - 1, 0), $4::int))
                  - clock_timestamp())::float8 AS left_s
