"""What came of a list: one query over the published copy and what changed since."""

from collections.abc import Collection

from data.warehouse.pages import Reader, Scope, first, query


def list_results(reader: Reader, scope: Scope, *, places: Collection[int], name: str) -> dict[str, int]:
    """How far the people of a list came; `places`: the locations that it brought people to.

    The columns are told in queries/list_results.sql.
    """
    return first(query(reader, "list_results", scope.named() | {"of": sorted(places), "list": name})) or {}
