-- What is under way of an account.
SELECT (SELECT count(*) FROM topups t
         WHERE t.account_id = a.account_id AND state NOT IN ('succeeded', 'failed', 'skipped', 'reversed')) AS topups,
       (SELECT count(*) FROM payments p
         WHERE p.account_id = a.account_id AND state NOT IN ('succeeded', 'failed', 'reversed')) AS payments,
       (SELECT count(*) FROM card_registrations r
         WHERE r.account_id = a.account_id AND (outcome IS NULL OR refund_due_at IS NOT NULL)) AS registrations,
       (SELECT count(*) FROM reversals v WHERE v.account_id = a.account_id AND state = 'disputed') AS disputes,
       (SELECT count(*) FROM holds h WHERE h.account_id = a.account_id AND state = 'open') AS holds,
       (SELECT count(*) FROM notices n WHERE n.account_id = a.account_id AND state = 'queued')
       -- What platforms are told names nobody.
       + (SELECT count(*) FROM outbox o WHERE o.account_id = a.account_id AND o.exchange = '') AS messages
  FROM accounts a
 WHERE a.account_id = $1
   FOR UPDATE OF a
