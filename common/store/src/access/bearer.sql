-- Whose token this is, if it is good; that it was used is written down by the hour's first to use it.
WITH good AS (
    SELECT token_id, account_id, scopes, last_used_at
      FROM access_tokens
     WHERE hash = $1
       AND revoked_at IS NULL
       AND coalesce(expires_at > clock_timestamp(), true)
), used AS (
    UPDATE access_tokens t
       SET last_used_at = date_trunc('hour', clock_timestamp())
      FROM good
     WHERE t.token_id = good.token_id
       AND coalesce(t.last_used_at < date_trunc('hour', clock_timestamp()), true)
)
SELECT token_id, account_id, scopes FROM good
