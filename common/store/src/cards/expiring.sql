-- $1 the last day that counts as soon, $2 how many at most
SELECT account_id, c.card_id, c.last4, c.exp_month, c.exp_year
  FROM cards c
 WHERE -- its token is not forgotten
       c.authorization_code <> ''
   AND make_date(c.exp_year, c.exp_month, 1) + interval '1 month' - interval '1 day' <= $1::date
   -- an enabled auto top-up will want it
   AND EXISTS (SELECT FROM wallets w
                WHERE w.account_id = c.account_id AND w.auto_card_id = c.card_id AND w.auto_enabled AND w.auto_method = 'card')
   -- and it has not been told: the cause bears the month
   AND NOT EXISTS (SELECT FROM notices n
                    WHERE n.account_id = c.account_id
                      AND n.cause = format('card:%s:expiring:%s-%s', c.card_id, c.exp_year, to_char(c.exp_month, 'FM00')))
 ORDER BY c.exp_year, c.exp_month, c.account_id
 LIMIT $2
