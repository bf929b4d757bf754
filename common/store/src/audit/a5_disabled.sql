-- $1 the failures in a row that disable
SELECT format('wallet %s/%s has failed %s times in a row, and auto top-up is enabled',
              account_id, service, consecutive_failures) AS violation
  FROM wallets
 WHERE auto_enabled AND consecutive_failures >= $1::bigint
