-- $1 whose, $2 how many top-ups at most
SELECT s.at, s.state,
       -- why a person took it for paid stands with the payment
       coalesce(s.reason, CASE WHEN s.state = 'succeeded' AND p.settled_by = 'operator' THEN p.reason END) AS reason,
       s.due_at, s.waits_for, s.threshold_milli,
       t.topup_id, t.service, t.method, t.quantity_milli, t.amount_minor, t.currency,
       t.trigger_event_id, t.trigger_milli,
       -- the send that reached the threshold, while its day is open
       -l.credits_milli AS cost_milli,
       p.reference, p.amount_minor AS paid_minor, c.last4,
       -- the payment knows who settled it last: a failure that a late success followed has no name to it any more
       CASE WHEN s.step_id = max(s.step_id) FILTER (WHERE s.state IN ('succeeded', 'failed')) OVER (PARTITION BY s.topup_id)
            THEN p.settled_by END AS settled_by
  FROM (SELECT * FROM topups WHERE account_id = $1 ORDER BY requested_at DESC LIMIT $2) t
  JOIN topup_steps s ON s.account_id = t.account_id AND s.topup_id = t.topup_id
  LEFT JOIN ledger l ON l.event_id = t.trigger_event_id
  LEFT JOIN payments p ON p.account_id = t.account_id AND p.topup_id = t.topup_id
  LEFT JOIN cards c ON c.account_id = p.account_id AND c.card_id = p.card_id
 ORDER BY s.step_id
