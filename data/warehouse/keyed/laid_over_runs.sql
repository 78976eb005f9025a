-- Nothing returned. The relation runs: the ledger's rows of runs that moved since the copy, and the copy's of the rest.
create temp view runs as
select * from out_runs as copied
where not exists (from laid_runs as laid where laid.run_id = copied.run_id)
union all by name
select * from laid_runs
