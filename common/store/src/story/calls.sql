-- $1 whose, $2 how many top-ups at most
SELECT t.topup_id, t.service, k.reference, k.call, k.outcome, k.detail, k.ended_at,
       (extract(epoch FROM k.ended_at - k.started_at) * 1000)::bigint AS took_ms
  FROM (SELECT * FROM topups WHERE account_id = $1 ORDER BY requested_at DESC LIMIT $2) t
  JOIN payments p ON p.account_id = t.account_id AND p.topup_id = t.topup_id
  JOIN payment_calls k ON k.account_id = p.account_id AND k.reference = p.reference
 ORDER BY k.call_id
