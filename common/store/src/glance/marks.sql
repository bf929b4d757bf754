-- What came, the newest first
SELECT * FROM (
    SELECT t.topup_id AS id, CASE t.method WHEN 'card' THEN 'topup' ELSE 'transfer-in' END AS kind,
           t.quantity_milli, t.settled_at
      FROM topups t
     WHERE t.account_id = $1 AND t.service = $2 AND t.state IN ('succeeded', 'reversed')
           -- by index; whatever was asked for so long before it was settled is not marked
       AND t.requested_at >= $3::timestamptz - interval '7 days' AND t.settled_at >= $3
    UNION ALL
    SELECT b.purchase_id, 'purchase', b.quantity_milli, p.settled_at
      FROM purchases b
      JOIN payments p ON p.account_id = b.account_id AND p.purchase_id = b.purchase_id
     WHERE b.account_id = $1 AND b.service = $2 AND p.state IN ('succeeded', 'reversed')
       AND b.created_at >= $3::timestamptz - interval '7 days' AND p.settled_at >= $3
) came
 ORDER BY settled_at DESC, id
 LIMIT $4
