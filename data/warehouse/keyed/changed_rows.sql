-- Nothing returned. changed_rows: what was read and is not in {table} as it is. Nulls compare as equal here.
create or replace temp table changed_rows as
select * from read_rows
except
(select * from {table} semi join read_rows using ({key}))
