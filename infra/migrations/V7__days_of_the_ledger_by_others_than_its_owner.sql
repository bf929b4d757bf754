-- The ledger's days are opened and closed by a process whose role does not own the ledger. Making, attaching and
-- detaching a table is its owner's alone, so these functions do it as the owner, and nothing but that: they take the name
-- of a day's table and no other. A role that were a member of the owner's could do everything that the owner can, drop
-- the ledger or the trigger that keeps it as it is included.

CREATE FUNCTION ledger_day_table(partition text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF partition !~ '^ledger_[0-9]{4}_[0-9]{2}_[0-9]{2}$' THEN
        RAISE EXCEPTION '% is no day of the ledger', partition USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN partition;
END
$$;

CREATE OR REPLACE FUNCTION ledger_open_day(partition text, from_key uuid, to_key uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    day text := ledger_day_table(partition);
BEGIN
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I (LIKE ledger INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
                        CONSTRAINT %I PRIMARY KEY (event_id))', day, day || '_pk');
    EXECUTE format('ALTER TABLE ledger ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', day, from_key, to_key);
END
$$;

CREATE OR REPLACE FUNCTION ledger_seal_day(partition text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT ledger_day_closed CHECK (false) NOT VALID',
                   ledger_day_table(partition));
END
$$;

CREATE OR REPLACE FUNCTION ledger_carry_forward(partition text, closed_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    EXECUTE format('INSERT INTO carried_forward AS c (account_id, service, credits_milli, through_day)
                    SELECT account_id, service, sum(credits_milli), $1 FROM %I GROUP BY account_id, service
                        ON CONFLICT ON CONSTRAINT carried_forward_pk
                        DO UPDATE SET credits_milli = c.credits_milli + excluded.credits_milli,
                                      through_day = excluded.through_day', ledger_day_table(partition)) USING closed_day;
END
$$;

CREATE OR REPLACE FUNCTION ledger_keep_detached(partition text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON %I
                    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()', ledger_day_table(partition));
END
$$;

-- Detaches a closed day for who does not own the ledger. CONCURRENTLY, the owner's way, can't be had inside a function:
-- this one waits for whoever writes, and whoever comes after waits behind it, so it gives way after the time that the
-- caller has set for locks, and comes again.
CREATE FUNCTION ledger_detach_day(partition text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    day text := ledger_day_table(partition);
BEGIN
    IF NOT EXISTS (SELECT FROM closed_days c WHERE 'ledger_' || to_char(c.day, 'YYYY_MM_DD') = partition) THEN
        RAISE EXCEPTION 'the day of % is not closed', partition USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('ALTER TABLE ledger DETACH PARTITION %I %s', day,
                   CASE WHEN (SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = format('%I', day)::regclass)
                        THEN 'FINALIZE' ELSE '' END);
    PERFORM ledger_keep_detached(partition);
END
$$;

-- As whoever they run, names in them mean this schema's alone; and nobody runs them who was not told that he may.
DO $$
DECLARE
    signature regprocedure;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'ledger_day_table(text)', 'ledger_open_day(text, uuid, uuid)', 'ledger_seal_day(text)',
        'ledger_carry_forward(text, date)', 'ledger_keep_detached(text)', 'ledger_detach_day(text)']::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema());
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
    END LOOP;
END
$$;
