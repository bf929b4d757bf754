SELECT format('account %s: spacing is claimed by %s, with the gateway is %s', a.account_id,
              coalesce(s.unsettled_topup::text, 'nothing'), coalesce(t.topup_id::text, 'nothing')) AS violation
  FROM (SELECT account_id, unsettled_topup FROM card_spacing WHERE unsettled_topup IS NOT NULL) s
  FULL JOIN (-- asked for money and not settled; one that waits after trouble of our own keeps its claim
             SELECT DISTINCT t.account_id, t.topup_id
               FROM topups t
               JOIN payments p ON p.account_id = t.account_id AND p.topup_id = t.topup_id
              WHERE t.method = 'card'
                AND t.state IN ('requested', 'scheduled', 'charging', 'pending', 'unknown', 'parked')) t
    ON s.account_id = t.account_id AND s.unsettled_topup = t.topup_id
 CROSS JOIN LATERAL (SELECT coalesce(s.account_id, t.account_id) AS account_id) a
 WHERE s.unsettled_topup IS DISTINCT FROM t.topup_id
