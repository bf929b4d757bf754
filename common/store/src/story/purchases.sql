-- $1 whose, $2 how many purchases at most
SELECT b.purchase_id, b.service, b.method, b.quantity_milli, b.amount_minor, b.currency, b.created_at,
       p.reference, p.state, p.reason, p.settled_by, p.settled_at, c.last4
  FROM (SELECT * FROM purchases WHERE account_id = $1 ORDER BY created_at DESC LIMIT $2) b
  JOIN payments p ON p.account_id = b.account_id AND p.purchase_id = b.purchase_id
  LEFT JOIN cards c ON c.account_id = p.account_id AND c.card_id = p.card_id
 ORDER BY b.created_at
