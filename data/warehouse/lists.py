"""What came of a list: one query over the published copy and what changed since."""

from data.warehouse.pages import Reader, Scope, first, query


def list_results(reader: Reader, scope: Scope, list_id: int) -> dict[str, int]:
    """How far the people of a list came, wherever it brought them; the columns are told in queries/list_results.sql."""
    return first(query(reader, "list_results", scope.named() | {"list_id": list_id})) or {}
