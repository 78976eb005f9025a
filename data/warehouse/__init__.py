"""The warehouse: the history, and every figure on a chart. DuckDB, one writer at a time, readers on published copies.

`store` is the file, its lock and its copies; `sources` says which ledger rows become which core_ table, `load` brings
them over, `marts/` makes the out_ tables of them; `reader` gives pages a copy with newer ledger rows laid over it;
`archive` puts raw payloads and verdicts to rest as Parquet. `sql` finds statements: DDL in `schema/`, one a file.
Deciding anything does not belong here, nor do counts that promise something (quota): those come from the ledger.
"""

from data.warehouse.store import Warehouse, WarehouseBusy

__all__ = ["Warehouse", "WarehouseBusy"]
