-- Nothing returned. The writer's one row of state, made once: the queries that read it count on exactly one.
insert into warehouse_state (watermark, version, published_version, published_file)
select null, 0, null, null
where not exists (select 1 from warehouse_state)
