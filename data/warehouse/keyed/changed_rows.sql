-- How many rows changed_rows then has: what is in the registered frame `incoming` and not in {table} as it is. Nulls
-- compare as equal here; the frame's columns are in the table's order.
create or replace temp table changed_rows as
select * from incoming
except
(select * from {table} semi join incoming using ({key}))
