"""Which rows are one person: those that share an e-mail address or a phone number, directly or through others.

The same grouping comes out whatever the order of the rows, and it counts in what the ledger knows: two rows whose
different addresses already belong to one person are that person.
"""

from collections.abc import Iterable

import polars as pl

from connectors.csv_file import LINE
from data.words import AddressKind, Relationship

_LAST = (
    "email", "phone", "first_name", "last_name", "employee", "service", "locale", "time_zone", "postal_code", "country",
    "relationship", "consented_at", "consent_basis",
)  # fmt: skip
_NEWEST = "visited_at"
_A_NO_COUNTS = "is_consenting"  # false before true: one of a person's rows says no, and that holds for all
KNOWN_SCHEMA = {"kind": pl.String, "address": pl.String, "person_id": pl.Int64}


def addresses_of(rows: pl.DataFrame, *keep: str) -> pl.DataFrame:
    """The distinct addresses in `rows` with the columns `keep`: `kind`, `address`, then those."""
    parts = [
        rows.select(pl.lit(kind.value).alias("kind"), pl.col(kind.value).alias("address"), *keep).drop_nulls("address")
        for kind in AddressKind
    ]
    return pl.concat(parts).unique(maintain_order=True)


def with_group(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`rows` with `group`: the first line of each person's rows. `known`: `kind`, `address`, `person_id`."""
    links = addresses_of(rows, LINE)
    owners = links.join(known, on=["kind", "address"], how="inner").select(
        pl.format("person {}", "person_id").alias("link"), LINE
    )
    links = pl.concat([links.select(pl.format("{} {}", "kind", "address").alias("link"), LINE), owners]).unique()
    shared = links.filter(pl.col("link").is_duplicated()).sort(LINE)
    first = _components(shared.iter_rows())
    leaders = pl.DataFrame(
        {LINE: list(first), "group": list(first.values())}, schema={LINE: pl.Int64, "group": pl.Int64}
    )
    return rows.join(leaders, on=LINE, how="left", maintain_order="left").with_columns(
        pl.coalesce("group", LINE).alias("group")
    )


def _components(links: Iterable[tuple[str, int]]) -> dict[int, int]:
    """For each line the smallest line it hangs together with."""
    leader: dict[int, int] = {}
    holder: dict[str, int] = {}

    def find(line: int) -> int:
        while leader[line] != line:
            leader[line] = leader[leader[line]]
            line = leader[line]
        return line

    for link, line in links:
        leader.setdefault(line, line)
        other = find(holder.setdefault(link, line))
        mine = find(line)
        leader[max(mine, other)] = min(mine, other)
    return {line: find(line) for line in leader}


def merged(grouped: pl.DataFrame) -> pl.DataFrame:
    """One row for each person and location: `group`, `location_id`, and of each value the last that is given.

    Of visits the newest; a no to consent in any row is a no, and who is staff or a relative in one is so in all.
    """
    relationship = pl.col("relationship").drop_nulls()
    works_here = relationship.filter(relationship != Relationship.CUSTOMER.value)
    is_alone = ~pl.struct("group", "location_id").is_duplicated()
    alone = grouped.filter(is_alone).select("group", "location_id", *_LAST, _NEWEST, _A_NO_COUNTS)
    together = (
        grouped.filter(~is_alone)
        .sort(LINE)
        .group_by("group", "location_id", maintain_order=True)
        .agg(
            *(pl.col(name).drop_nulls().last() for name in _LAST if name != "relationship"),
            pl.coalesce(works_here.last(), relationship.last()).alias("relationship"),
            pl.col(_NEWEST).max(),
            pl.col(_A_NO_COUNTS).min(),
        )
        .select(alone.columns)
    )
    return pl.concat([alone, together]).sort("group", "location_id")
