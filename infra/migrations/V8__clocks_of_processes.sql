-- How far a process's own clock is from the database's. The database's decides, so a wrong one costs nobody money; but what
-- people read in its logs is wrong, and sends of that machine may be refused as too old or too new.
ALTER TABLE processes ADD COLUMN clock_ahead_ms bigint; -- behind where negative; none: not compared yet, or an older version's
