-- Nothing returned. A temporary read_rows with the columns and types of {table}, into which a frame is inserted, so that
-- rows read and rows stored can be compared column by column.
create or replace temp table read_rows as select * from {table} limit 0
