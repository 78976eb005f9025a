-- One row for each deleted: the rows of {table} whose key is not in the registered frame `known`, the ledger's keys.
delete from {table} where ({key}) not in (select ({key}) from known) returning 1
