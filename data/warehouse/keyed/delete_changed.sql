-- Nothing returned. Makes room for changed_rows in {table}.
delete from {table} where ({key}) in (select ({key}) from changed_rows)
