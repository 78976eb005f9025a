-- One row: how many rows {table} has.
select count(*) from {table}
