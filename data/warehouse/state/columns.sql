-- The columns of a table in their order: name, type. $1: the table.
select column_name, data_type from information_schema.columns where table_name = $1 order by ordinal_position
