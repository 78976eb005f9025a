"""A list that is not taken in yet, laid over the present state: the rows that it would add to what candidates are built
from. New customers are laid over, and those whose invitations are over, who come again; those of whom something may
still go take the list, its channels and the new occasion. Nothing is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.arrivals import Known
from data.ledger.candidate_sources import Sources
from data.ledger.imports import ListHead
from data.ledger.tables import locations
from data.ledger.texts import Texts
from data.standing import Pace
from data.words import Channel, Relationship
from invitations.foresee import Present
from invitations.list_people import ListPeople

THE_LIST = 2**40  # its number, and the first of its new customers and people: above every real one, and in their order
_VALUES = ("location_id", "email", "phone", "time_zone", "postal_code", "country")
_PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass
class ListOverlay:
    """The rows that the list would add to the sources of candidates."""

    connection: Connection = field(repr=False)
    before: Present = field(repr=False)
    people: ListPeople = field(repr=False)
    head: ListHead
    now: datetime
    fresh: list[dict[str, Any]] = field(default_factory=list, repr=False)
    names: list[dict[str, Any]] = field(default_factory=list, repr=False)
    again: list[int] = field(default_factory=list)  # customers known already
    consents: list[dict[str, Any]] = field(default_factory=list)
    suppressed: list[int] = field(default_factory=list)  # people
    excluded: list[int] = field(default_factory=list)
    asks: list[dict[str, Any]] = field(default_factory=list)  # by the system before us
    same: dict[int, int] = field(default_factory=dict)  # people who turn out to be another one

    def __post_init__(self) -> None:
        rows = self.before.sources.people.select("person_id", "location_id", "customer_id").iter_rows()
        self.known = {(person, place): customer for person, place, customer in rows}
        self.places = _places(self.connection, self.before.sources)
        self.numbers = count(THE_LIST)

    def take(self, one: Known) -> None:
        """One person of the list."""
        owners = {self.people.owner[address] for address in one.addresses if address in self.people.owner}
        person = min(owners) if owners else next(self.numbers)
        self.same.update(dict.fromkeys(owners - {person}, person))
        if not self.people.standing.suppressed_addresses.isdisjoint(one.addresses):
            self.suppressed.append(person)
        self.asks += [
            {"person_id": person, "location_id": location, "asked_at": at}
            for address in one.addresses
            for location, at in self.people.standing.invited_addresses.get(address, {}).items()
        ]
        for row, bases in zip(one.rows, one.bases, strict=True):
            customer = self.known.get((person, row["location_id"]))
            given = [(one.basis, one.given_at) for one in bases]
            if customer is None:
                customer = next(self.numbers)
                self._add(customer, person, row)
                given += self.people.on_record(owners, row["location_id"]).items()
            else:
                self.again.append(customer)
            if self._is_excluded(row):
                self.excluded.append(person)
            self.consents += [{"customer_id": customer, "basis": basis.value, "given_at": at} for basis, at in given]

    def _is_excluded(self, row: Mapping[str, Any]) -> bool:
        named = row["relationship"] not in {None, Relationship.CUSTOMER.value}
        return named or row["email"] in self.people.own_emails

    def _add(self, customer: int, person: int, row: Mapping[str, Any]) -> None:
        place = self.places[row["location_id"]]
        self.fresh.append(
            {
                **{
                    name: row[name] for name in ("location_id", "email", "phone", "time_zone", "postal_code", "country")
                },
                "account_id": self.head.account_id,
                "customer_id": customer,
                "person_id": person,
                "locale": row["locale"] or "",
                "location_zone": place["time_zone"],
                "location_region": place["region"],
                "location_sequence_id": place["sequence_id"],
                "shift_minutes": 0,
                "customer_list_id": THE_LIST,
                "customer_created_at": self.now,
                "occasion_at": self.now,
                "allowed_channels": _channels(self.head),
            }
        )
        self.names.append({**row, "customer_id": customer, "location": place["name"]})

    def present(self) -> Present:
        """The state as it would be."""
        sources, standing = self.before.sources, self.before.standing
        pace = _pace(self.head, self.places[self.head.location_id]["time_zone"])
        return replace(
            self.before,
            sources=replace(
                sources,
                people=pl.concat([self._brought_up_to_date(sources.people), _frame(self.fresh, sources.people)]),
                consents=pl.concat([sources.consents, _frame(self.consents, sources.consents)])
                .group_by("customer_id", "basis")
                .agg(pl.col("given_at").max()),
                suppressed_people=_with_everywhere(sources.suppressed_people, self.suppressed),
                excluded_people=pl.concat(
                    [
                        sources.excluded_people,
                        pl.DataFrame({"person_id": self.excluded}, schema={"person_id": pl.Int64}),
                    ]
                ).unique(),
                asks=pl.concat([sources.asks, _frame(self.asks, sources.asks)]).with_columns(
                    pl.col("person_id").replace(self.same)
                ),
                lists=pl.concat(
                    [sources.lists, _frame([{"list_id": THE_LIST, "is_list_paused": False}], sources.lists)]
                ),
            ),
            standing=standing if pace is None else replace(standing, paces={**standing.paces, THE_LIST: pace}),
            texts=Texts(
                self.before.texts.templates,
                pl.concat([self.before.texts.customers, _frame(self.names, self.before.texts.customers)]),
            ),
        )

    def _brought_up_to_date(self, people: pl.DataFrame) -> pl.DataFrame:
        is_again = pl.col("customer_id").is_in(self.again)
        return people.with_columns(
            customer_list_id=pl.when(is_again).then(pl.lit(THE_LIST, pl.Int64)).otherwise("customer_list_id"),
            occasion_at=pl.when(is_again).then(pl.lit(self.now, people.schema["occasion_at"])).otherwise("occasion_at"),
            allowed_channels=pl.when(is_again)
            .then(pl.lit(_channels(self.head), people.schema["allowed_channels"]))
            .otherwise("allowed_channels"),
        )


def _frame(rows: Sequence[Mapping[str, Any]], like: pl.DataFrame) -> pl.DataFrame:
    """The rows as a frame of the same columns; what they do not have is null."""
    columns = {name: [row.get(name) for row in rows] for name in like.columns}
    return pl.DataFrame(columns, schema=like.schema)


def _with_everywhere(suppressed: pl.DataFrame, people: Sequence[int]) -> pl.DataFrame:
    rows = [{"person_id": person, "channel": channel.value} for person in people for channel in Channel]
    return pl.concat([suppressed, _frame(rows, suppressed)]).unique()


def _places(connection: Connection, sources: Sources) -> dict[int, dict[str, Any]]:
    """Of each location: name, time_zone, region, and the sequence that a new invitation takes."""
    columns = locations.c
    rows = connection.execute(
        sa.select(columns.location_id, columns.name, columns.time_zone, columns.region, columns.sequence_id).where(
            columns.account_id == sources.account_id
        )
    )
    newest = sources.steps["sequence_id"].max()
    return {row.location_id: {**row._mapping, "sequence_id": row.sequence_id or newest} for row in rows}


def _channels(head: ListHead) -> list[str] | None:
    return None if head.channels is None else [channel.value for channel in head.channels]


def _pace(head: ListHead, zone: str) -> Pace | None:
    """How fast the list would go; None: all at once."""
    if all(limit is None for limit in (head.speed, head.send_at, head.speed_days, head.speed_opens, head.speed_closes)):
        return None
    number, _, period = (head.speed or "").partition("/")
    return Pace(
        zone=zone,
        count=int(number) if number else None,
        period=_PERIODS[period] if period else None,
        send_at=head.send_at,
        days=None if head.speed_days is None else tuple(head.speed_days),
        opens=head.speed_opens,
        closes=head.speed_closes,
    )
