-- V1: in proportion to what was given back in all, rounded down; each of them counted once
SELECT format('payment %s: %s of %s minor units are given back and %s of %s thousandths taken; its reversals come to %s and %s, it is %s',
              p.reference, p.reversed_minor, p.amount_minor, p.taken_back_milli, p.quantity_milli,
              coalesce(r.minor, 0), coalesce(r.milli, 0), p.state) AS violation
  FROM payments_buy p
  LEFT JOIN (SELECT account_id, reference, sum(amount_minor) AS minor, sum(taken_back_milli) AS milli
               FROM reversals WHERE state = 'reversed' GROUP BY account_id, reference) r
 USING (account_id, reference)
 WHERE p.reversed_minor <> coalesce(r.minor, 0)
    OR p.taken_back_milli <> coalesce(r.milli, 0)
    OR p.taken_back_milli <> div(p.quantity_milli::numeric * p.reversed_minor, p.amount_minor)
    OR (p.state = 'reversed') <> (p.reversed_minor = p.amount_minor)
    OR p.reversed_minor > 0 AND p.state NOT IN ('succeeded', 'reversed')
