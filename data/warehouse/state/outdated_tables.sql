-- The tables to make again when the statements changed: all but the verdicts, which the ledger does not have.
select table_name from duckdb_tables() where not temporary and table_name <> 'core_verdicts'
