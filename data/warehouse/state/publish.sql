-- Nothing returned. The row that tells readers of a copy how old it is. $1: published_at. The table is empty before.
insert into published (published_at, watermark)
select $1, watermark from warehouse_state
