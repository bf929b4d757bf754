-- $1 whose
WITH unused AS (
    SELECT c.account_id, c.card_id, c.authorization_code, c.gateway
      FROM cards c
     WHERE c.account_id = $1 AND c.authorization_code <> ''
       AND NOT EXISTS (SELECT FROM wallets w WHERE w.account_id = c.account_id AND w.auto_card_id = c.card_id)
       AND NOT EXISTS (SELECT FROM one_click_consents o
                        WHERE o.account_id = c.account_id AND o.card_id = c.card_id AND o.withdrawn_at IS NULL)
       AND NOT EXISTS (SELECT FROM payments p
                        WHERE p.account_id = c.account_id AND p.card_id = c.card_id
                          AND p.state IN ('charging', 'pending', 'unknown', 'parked'))
       FOR UPDATE
), forgotten AS (
    UPDATE cards c SET authorization_code = '', email = ''
      FROM unused u
     WHERE c.account_id = u.account_id AND c.card_id = u.card_id
)
INSERT INTO tokens_to_deactivate (account_id, authorization_code, gateway)
SELECT account_id, authorization_code, gateway FROM unused
    ON CONFLICT ON CONSTRAINT tokens_to_deactivate_pk DO NOTHING
