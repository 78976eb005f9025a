-- Nothing returned. changed_rows into {table}.
insert into {table} by name select * from changed_rows order by {key}
