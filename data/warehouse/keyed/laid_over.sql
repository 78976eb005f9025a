-- Nothing returned. The relation {relation}: rows of the copy whose customer was not touched since, and the present rows
-- of those who were. A touched customer who is no longer there simply vanishes.
create temp view {relation} as
select * from out_{relation} as copied
where not exists (from touched where touched.customer_id = copied.customer_id)
union all by name
select * from laid_{relation}
