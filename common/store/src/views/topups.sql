SELECT t.topup_id, t.account_id, t.service, t.method, t.quantity_milli, t.amount_minor, t.currency, t.state, t.reason,
       t.trigger_event_id, t.trigger_milli, t.requested_at, t.due_at, t.waits_for, t.settled_at,
       t.traceparent,
       -- what is paid for it, if anything was asked for
       p.reference, p.gateway, p.mode, p.amount_minor AS paid_minor, p.currency AS paid_currency,
       p.state AS payment_state, p.reason AS payment_reason, p.gateway_transaction_id, p.intent_at, p.retry_at,
       p.answered_at, p.settled_by, p.settled_at AS payment_settled_at, p.decline, p.ask_at, p.asked,
       p.reversed_minor, p.taken_back_milli,
       -- with which card
       c.last4
  FROM topups t
  LEFT JOIN payments p ON p.account_id = t.account_id AND p.topup_id = t.topup_id
  LEFT JOIN cards c ON c.account_id = p.account_id AND c.card_id = p.card_id
