-- Nothing returned. The writer's one row of state, made once: the queries that read it count on exactly one.
-- $1: the hash of the statements that make the tables.
insert into warehouse_state (watermark, version, published_version, published_file, made_by)
select null, 0, null, null, $1
where not exists (select 1 from warehouse_state)
