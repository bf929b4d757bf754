-- $1 whose, $2 how many top-ups, purchases and registrations at most, each
SELECT p.topup_id, x.service, k.reference, k.call, k.outcome, k.detail, k.ended_at,
       (extract(epoch FROM k.ended_at - k.started_at) * 1000)::bigint AS took_ms
  FROM ((SELECT topup_id AS id, service FROM topups WHERE account_id = $1 ORDER BY requested_at DESC LIMIT $2)
        UNION ALL
        (SELECT purchase_id, service FROM purchases WHERE account_id = $1 ORDER BY created_at DESC LIMIT $2)
        UNION ALL
        (SELECT registration_id, service FROM card_registrations WHERE account_id = $1
          ORDER BY agreed_at DESC LIMIT $2)) x
  JOIN payments p ON p.account_id = $1 AND (p.topup_id = x.id OR p.purchase_id = x.id OR p.registration_id = x.id)
  JOIN payment_calls k ON k.account_id = p.account_id AND k.reference = p.reference
 ORDER BY k.call_id
