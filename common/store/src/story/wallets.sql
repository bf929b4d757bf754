-- $1 whose
SELECT clock_timestamp() AS now, w.*
  FROM wallets w
 WHERE w.account_id = $1
 ORDER BY w.service
