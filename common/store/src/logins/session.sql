-- Whose session this is, if it goes on; that somebody is there is written down when that was last done a while ago.
WITH there AS (
    SELECT s.hash, s.csrf, s.second, l.login_id, l.account_id, l.email
      FROM sessions s JOIN logins l USING (login_id)
     WHERE s.hash = $1
       AND s.expires_at > clock_timestamp()
       AND s.seen_at > clock_timestamp() - make_interval(secs => $2)
       AND l.disabled_at IS NULL
), seen AS (
    UPDATE sessions s
       SET seen_at = clock_timestamp()
      FROM there
     WHERE s.hash = there.hash
       AND s.seen_at < clock_timestamp() - make_interval(secs => least($3, $2 / 2))
)
SELECT login_id, account_id, email, second, encode(csrf, 'hex') AS csrf FROM there
