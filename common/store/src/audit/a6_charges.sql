-- Both moments were read by the database's clock, under the wallet's lock
SELECT format('top-up %s of wallet %s/%s was charged at %s, after auto top-up was disabled at %s',
              t.topup_id, w.account_id, w.service, s.at, w.auto_disabled_at) AS violation
  FROM wallets w
  JOIN topups t ON t.account_id = w.account_id AND t.service = w.service
  JOIN topup_steps s ON s.account_id = t.account_id AND s.topup_id = t.topup_id AND s.state = 'charging'
 WHERE NOT w.auto_enabled AND s.at > w.auto_disabled_at
