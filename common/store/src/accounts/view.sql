SELECT -- the account, the same in every row
       a.account_id, a.kind, a.parent_id, a.currency, a.language, a.mobile, a.email,
       a.cap_topups_per_day, a.cap_minor_per_month,
       EXISTS (SELECT FROM accounts s WHERE s.parent_id = a.account_id) AS has_subs,
       -- one wallet a row
       w.service, w.balance_milli, w.held_milli, w.low_credit_threshold_milli, w.auto_method, w.auto_threshold_milli,
       w.auto_quantity_milli, w.auto_enabled, w.auto_disabled_reason, w.consecutive_failures, w.open_topup_id,
       w.auto_card_id, w.auto_disabled_at,
       -- its card
       c.authorization_code, c.email AS card_email, c.brand, c.last4, c.exp_month, c.exp_year, c.signature, c.gateway,
       -- its open top-up
       t.topup_id, t.state, t.due_at, t.quantity_milli, t.amount_minor
  FROM accounts a
  LEFT JOIN wallets w ON w.account_id = a.account_id
  LEFT JOIN cards c ON c.account_id = w.account_id AND c.card_id = w.auto_card_id
  LEFT JOIN topups t ON t.account_id = w.account_id AND t.topup_id = w.open_topup_id
