"""A house whose history was published before an upgrade."""

import duckdb

from data.warehouse.store import Warehouse


def make_older(warehouse: Warehouse) -> None:
    """Leave the warehouse and its published copy as a version did whose customers lacked a column."""
    copy = warehouse.current()
    assert copy is not None
    for file in (warehouse.file, copy):
        with duckdb.connect(str(file)) as connection:
            connection.execute("alter table out_customers drop column search").fetchall()
            connection.execute("update warehouse_state set made_by = 'older'").fetchall()
