-- Nothing returned. The registered frame `incoming` into read_rows, by column name.
insert into read_rows by name select * from incoming
