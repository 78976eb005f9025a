-- One row for each row of {table}: the hash of its text, sorted, so that the order of the rows does not count.
select sha256({row}) as row_hash from {table} order by row_hash
