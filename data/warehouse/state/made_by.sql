-- The hash of the statements that made the tables; no row when nothing was made, or by a version that kept no hash.
select made_by from warehouse_state where made_by is not null
