-- Nothing returned. The mart's rows, by column name, into its table, which says the types.
insert into {table} by name {mart}
