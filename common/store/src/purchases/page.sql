-- $1 whose, $2 after which one of them, $3 how many at most
SELECT b.purchase_id, b.service, b.method, b.quantity_milli, b.amount_minor, b.tax_minor, b.currency, b.email, b.billing,
       b.created_at, p.reference, p.state, p.reason, p.settled_at, p.checkout_url, p.reversed_minor,
       p.decline, coalesce(c.last4, p.paid_last4) AS last4, coalesce(c.brand, p.paid_brand) AS brand,
       CASE WHEN o.consent_id IS NOT NULL THEN o.card_id IS NOT NULL END AS one_click
  FROM (SELECT * FROM purchases
         WHERE account_id = $1
           AND ($2::uuid IS NULL
                OR (created_at, purchase_id) < (SELECT created_at, purchase_id FROM purchases
                                                 WHERE account_id = $1 AND purchase_id = $2))
         ORDER BY created_at DESC, purchase_id DESC LIMIT $3) b
  JOIN payments p ON p.account_id = b.account_id AND p.purchase_id = b.purchase_id
  LEFT JOIN cards c ON c.account_id = p.account_id AND c.card_id = p.card_id
  LEFT JOIN one_click_consents o ON o.account_id = b.account_id AND o.consent_id = b.consent_id
 ORDER BY b.created_at DESC, b.purchase_id DESC
