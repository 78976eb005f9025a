"""One number for what a table holds, the same in every run, process and version: to prove that two tables are equal."""

import hashlib

import duckdb

from data.warehouse import sql

_CHUNK_ROWS = 100_000
_TEXTS = {  # how a value becomes text, by type: nothing that depends on locale, time zone or rounding
    "TIMESTAMP WITH TIME ZONE": "cast(epoch_us({0}) as varchar)",
    "BOOLEAN": "cast(cast({0} as integer) as varchar)",
}


def checksum(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """SHA-256 over the table's rows, each hashed and then sorted, so that their order does not count.

    Columns count by name, in the table's order. Raises TypeError for a column of a rounding type (float, double).
    """
    found = connection.table(table)
    digest = hashlib.sha256(",".join(found.columns).encode())
    row = " || ".join(_text_of(name, str(kind)) for name, kind in zip(found.columns, found.types, strict=True))
    connection.execute(sql.about("keyed/row_hashes", table=table, row=row))
    while rows := connection.fetchmany(_CHUNK_ROWS):
        for (row_hash,) in rows:
            digest.update(row_hash.encode())
    return digest.hexdigest()


def _text_of(name: str, kind: str) -> str:
    """A field with its length before it, so that no two rows of different fields read alike; `-` for null."""
    if kind in {"FLOAT", "DOUBLE", "REAL"}:
        raise TypeError(f"column {name} is {kind}: floats round differently from run to run; store a decimal")
    text = _TEXTS.get(kind, "cast({0} as varchar)").format(f'"{name}"')
    return f"""coalesce(length({text}) || ':' || {text}, '-')"""
