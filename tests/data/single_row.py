"""The row of a query that has one."""

from typing import Any

from data.warehouse.reader import Look, Reader


def one(reader: Reader | Look, query: str, *params: Any) -> dict[str, Any]:
    (row,) = reader.query(query, list(params)).to_dicts()
    return row
