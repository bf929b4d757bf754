-- $1 whose, $2 how many registrations at most
SELECT g.registration_id, g.service, g.threshold_milli, g.quantity_milli, g.amount_minor, g.currency, g.agreed_at,
       g.outcome, g.reason, g.ended_at, p.reference, p.settled_by, c.last4
  FROM (SELECT * FROM card_registrations WHERE account_id = $1 ORDER BY agreed_at DESC LIMIT $2) g
  JOIN payments p ON p.account_id = g.account_id AND p.reference = 'registration-' || g.account_id || '-' || g.registration_id
  LEFT JOIN cards c ON c.account_id = g.account_id AND c.card_id = g.card_id
 ORDER BY g.agreed_at
