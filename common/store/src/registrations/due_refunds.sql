-- $1 the lease in microseconds, $2 how many at most
WITH due AS (
    SELECT account_id, registration_id
      FROM card_registrations
     WHERE refund_due_at <= statement_timestamp()
     ORDER BY refund_due_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED
)
UPDATE card_registrations r
   SET refund_due_at = clock_timestamp() + $1::bigint * interval '1 microsecond'
  FROM due d
  JOIN payments p ON p.account_id = d.account_id
              -- as Reference::of_registration writes it: by the primary key
              AND p.reference = 'registration-' || d.account_id || '-' || d.registration_id
 WHERE r.account_id = d.account_id AND r.registration_id = d.registration_id
RETURNING r.account_id, r.registration_id, p.reference, p.gateway, p.mode, r.amount_minor, r.currency,
          r.refund_asked_at IS NOT NULL AS is_in_doubt, r.refund_tries, r.traceparent, r.refund_due_at
