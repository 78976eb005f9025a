-- One row per run, as the ledger has it; counts is JSON text.
select * from core_runs order by run_id
