-- $1 whose, $2 which; with the names that views/topups.sql has
SELECT p.reference, p.gateway, p.mode, p.amount_minor AS paid_minor, p.currency AS paid_currency,
       p.state AS payment_state, p.reason AS payment_reason, p.gateway_transaction_id, p.intent_at, p.retry_at,
       p.answered_at, p.settled_by, p.settled_at AS payment_settled_at, p.decline, p.ask_at, p.asked,
       p.reversed_minor, p.taken_back_milli,
       -- with which card
       c.last4
  FROM payments p
  LEFT JOIN cards c ON c.account_id = p.account_id AND c.card_id = p.card_id
 WHERE p.account_id = $1 AND p.reference = $2
