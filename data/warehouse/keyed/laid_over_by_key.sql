-- Nothing returned. The relation {relation}, as in laid_over.sql, for rows that need not belong to a customer: those laid
-- over also take the place of rows with the same {key}.
create temp view {relation} as
select * from out_{relation} as copied
where not exists (from touched where touched.customer_id = copied.customer_id)
    and not exists (from laid_{relation} as laid where laid.{key} = copied.{key})
union all by name
select * from laid_{relation}
