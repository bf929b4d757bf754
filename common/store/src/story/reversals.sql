-- $1 whose, $2 how many at most
SELECT r.reference, r.reversal_id, r.state, r.amount_minor, r.held_milli, r.taken_back_milli, r.source, r.reason,
       r.opened_at, r.ended_at, p.currency, p.topup_id, coalesce(t.service, b.service, g.service) AS service
  FROM (SELECT * FROM reversals WHERE account_id = $1 ORDER BY opened_at DESC LIMIT $2) r
  JOIN payments p ON p.account_id = r.account_id AND p.reference = r.reference
  LEFT JOIN topups t ON t.account_id = p.account_id AND t.topup_id = p.topup_id
  LEFT JOIN purchases b ON b.account_id = p.account_id AND b.purchase_id = p.purchase_id
  LEFT JOIN card_registrations g ON g.account_id = p.account_id AND g.registration_id = p.registration_id
 ORDER BY r.opened_at
