-- Everything that is compared, in the words of the model; names of top-ups and notices come last.
SELECT json_build_object(
    'wallets', (SELECT coalesce(json_object_agg(w.account_id || '/' || w.service, json_build_object(
            'balance', balance_milli, 'held', held_milli, 'low', low_credit_threshold_milli,
            'auto', CASE WHEN auto_method IS NOT NULL THEN json_build_object(
                'method', auto_method, 'threshold', auto_threshold_milli, 'quantity', auto_quantity_milli,
                'enabled', auto_enabled, 'reason', CASE WHEN NOT auto_enabled THEN auto_disabled_reason END,
                'card', c.signature) END,
            'failures', consecutive_failures, 'open', open_topup_id)), '{}')
        FROM wallets w LEFT JOIN cards c ON c.account_id = w.account_id AND c.card_id = w.auto_card_id),
    'ledger', (SELECT coalesce(json_object_agg(name, entries), '{}') FROM (
        SELECT account_id || '/' || service || ' ' || kind AS name, json_build_array(count(*), sum(credits_milli)) AS entries
          FROM ledger GROUP BY account_id, service, kind) l),
    'topups', (SELECT coalesce(json_object_agg(topup_id, json_build_object(
            'wallet', account_id || '/' || service, 'method', method, 'quantity', quantity_milli, 'amount', amount_minor,
            'state', state, 'requested_at', us(requested_at), 'due_at', us(due_at), 'waits_for', waits_for,
            'woken_at', us(woken_at), 'settled_at', us(settled_at))), '{}') FROM topups),
    'payments', (SELECT coalesce(json_object_agg(reference, json_build_object(
            'buys', coalesce(topup_id, purchase_id), 'state', state, 'amount', amount_minor, 'card', c.signature,
            'intent_at', us(intent_at), 'retry_at', us(retry_at), 'ask_at', us(ask_at), 'asked', asked,
            'not_known', not_known, 'answered_at', us(answered_at), 'has_answer', answer IS NOT NULL,
            'settled_at', us(settled_at), 'reversed', reversed_minor, 'taken_back', taken_back_milli)), '{}')
        FROM payments p LEFT JOIN cards c ON c.account_id = p.account_id AND c.card_id = p.card_id),
    'spacing', (SELECT coalesce(json_object_agg(account_id, json_build_object(
            'unsettled', unsettled_topup, 'last_settled_at', us(last_settled_at))), '{}')
        FROM card_spacing WHERE unsettled_topup IS NOT NULL OR last_settled_at IS NOT NULL),
    'holds', (SELECT coalesce(json_object_agg(account_id || '/' || batch_id, json_build_object(
            'service', service, 'credits', credits_milli, 'used', used_milli, 'state', state,
            'expires_at', us(expires_at))), '{}') FROM holds),
    'reversals', (SELECT coalesce(json_object_agg(reference || '/' || reversal_id, json_build_object(
            'state', state, 'amount', amount_minor, 'held', held_milli, 'taken_back', taken_back_milli)), '{}')
        FROM reversals),
    'notices', (SELECT coalesce(json_object_agg(account_id || '/' || channel || '/' || cause, json_build_object(
            'template', template, 'state', state, 'created_at', us(created_at), 'called_at', us(called_at))), '{}')
        FROM notices),
    'cards', (SELECT coalesce(json_object_agg(account_id || '/' || signature, authorization_code), '{}') FROM cards),
    'outbox', (SELECT coalesce(json_agg(json_build_object(
            'queue', queue, 'message', message_id, 'not_before', us(not_before), 'created_at', us(created_at))), '[]')
        FROM outbox WHERE exchange = '')
)::text,
(SELECT coalesce(json_agg(json_build_array(notification_id, account_id || '/' || channel || '/' || cause)), '[]')
   FROM notices)::text,
(SELECT coalesce(json_agg(json_build_array(topup_id, account_id || '/' || service || '#' || number)), '[]')
   FROM (SELECT account_id, service, topup_id,
                -- ids of version 7 count up
                row_number() OVER (PARTITION BY account_id, service ORDER BY topup_id) AS number
           FROM topups) t)::text
