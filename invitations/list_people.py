"""The people of a list on their way into the ledger: each with all addresses, a row for each location, and consents.

As they pass they are counted for the report: invited before, suppressed, staff or relatives, consent missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.csv_file import LINE
from data.ledger.arrivals import Known
from data.ledger.consents import BasisGiven, is_refused
from data.ledger.identities import Address
from data.ledger.import_counts import StandingOfPeople, standing_of_people
from data.ledger.tables import channels, users
from data.recipients import locate
from data.words import AddressKind, Channel, ConsentBasis, Relationship
from invitations.channels import offered_channels
from invitations.consent_columns import Declaration, bases_of
from invitations.consent_gaps import ConsentGaps
from invitations.intake import Intake
from invitations.policy import NoPolicy, read_policy
from invitations.rejected import Place
from invitations.same_person import addresses_of, merged

_EXCLUDED = frozenset(one.value for one in Relationship if one is not Relationship.CUSTOMER)


@dataclass
class ListPeople:
    """`portions` gives them once; the counts are whole when it is through."""

    grouped: pl.DataFrame = field(repr=False)
    taken: Intake
    owner: Mapping[Address, int] = field(repr=False)  # whose an address is already
    standing: StandingOfPeople = field(repr=False)
    places: Mapping[int, Place]
    own_emails: frozenset[str] = field(repr=False)
    gaps: ConsentGaps | None
    declared: Declaration | None
    list_name: str
    now: datetime
    held_channels: tuple[str, ...] = ()  # those that the list names and a location does not offer now, in words
    invited_count: int = 0
    suppressed_count: int = 0
    excluded_count: int = 0

    def portions(self, size: int) -> Iterator[list[Known]]:
        """People in the order of the file, at most `size` at a time."""
        rows = groupby(self._located().iter_rows(named=True), key=itemgetter("group"))
        addresses = groupby(
            addresses_of(self.grouped.sort(LINE), "group").sort("group", maintain_order=True).iter_rows(),
            key=itemgetter(2),
        )
        kinds = {kind.value: kind for kind in AddressKind}
        portion: list[Known] = []
        for (_, own), (_, its) in zip(rows, addresses, strict=True):
            portion.append(self._known(list(own), [(kinds[kind], address) for kind, address, _ in its]))
            if len(portion) >= size:
                yield portion
                portion = []
        if portion:
            yield portion

    def _located(self) -> pl.DataFrame:
        """One row for each person and location, with `recipient_country` where it is asked for."""
        if self.gaps is None:
            return merged(self.grouped)
        zones = {place.location_id: place.time_zone for place in self.places.values()}
        regions = {place.location_id: place.region for place in self.places.values()}
        place = pl.col("location_id")
        return locate(
            merged(self.grouped).with_columns(
                place.replace_strict(zones, return_dtype=pl.String).alias("location_zone"),
                place.replace_strict(regions, return_dtype=pl.String).alias("location_region"),
            )
        )

    def _known(self, rows: Sequence[Mapping[str, Any]], addresses: Sequence[Address]) -> Known:
        persons = {self.owner[address] for address in addresses if address in self.owner} if self.owner else set()
        self._count(rows, addresses, persons)
        return Known(addresses, rows, [self._bases(row, persons) for row in rows])

    def _bases(self, row: Mapping[str, Any], persons: set[int]) -> tuple[BasisGiven, ...]:
        location_id = row["location_id"]
        given: tuple[BasisGiven, ...] = ()
        if self.declared is not None or row["is_consenting"] is not None:
            given = bases_of(
                row, self.declared, zone=self.places[location_id].time_zone, list_name=self.list_name,
                columns=self.taken.columns, now=self.now,
            )  # fmt: skip
        there = self.on_record(persons, location_id)
        if is_refused(there):  # as when it is written
            given = tuple(one for one in given if not one.yields_to_a_no)
        if self.gaps is not None:
            self.gaps.count(row, given, there)
        return given

    def on_record(self, persons: set[int], location_id: int) -> dict[ConsentBasis, datetime]:
        """The newest of each basis of these people, who turn out to be one, at a location."""
        newest: dict[ConsentBasis, datetime] = {}
        known = (
            [self.standing.bases.get((person, location_id), {}) for person in persons] if self.standing.bases else []
        )
        for basis, at in (pair for one in known for pair in one.items()):
            newest[basis] = max(at, newest.get(basis, at))
        if any(map(is_refused, known)):  # as the merge keeps it
            newest[ConsentBasis.WITHDRAWN] = max(newest.values())
        return newest

    def _count(self, rows: Sequence[Mapping[str, Any]], addresses: Sequence[Address], persons: set[int]) -> None:
        standing = self.standing
        if persons & standing.invited or not standing.invited_addresses.keys().isdisjoint(addresses):
            self.invited_count += 1
        if persons & standing.suppressed or not standing.suppressed_addresses.isdisjoint(addresses):
            self.suppressed_count += 1
        if persons & standing.excluded or any(
            row["relationship"] in _EXCLUDED or row["email"] in self.own_emails for row in rows
        ):
            self.excluded_count += 1


def people_of_list(
    connection: Connection,
    account_id: int,
    *,
    taken: Intake,
    grouped: pl.DataFrame,
    owner: Mapping[Address, int],
    places: Sequence[Place],
    only: Sequence[Channel] | None,
    declared: Declaration | None,
    list_name: str,
    now: datetime,
) -> ListPeople:
    """The people of `grouped`, with what the ledger knows of them. `only`: the channels that the list allows."""
    own_emails = sa.select(sa.func.lower(users.c.email)).where(users.c.account_id == account_id)
    return ListPeople(
        grouped=grouped,
        taken=taken,
        owner=owner,
        standing=standing_of_people(connection, account_id, set(owner.values()), addresses_of(grouped).iter_rows()),
        places={place.location_id: place for place in places},
        own_emails=frozenset(connection.execute(own_emails).scalars()),
        gaps=_gaps(connection, account_id, places, only, now),
        declared=declared,
        list_name=list_name,
        now=now,
        held_channels=_held_channels(connection, grouped, places, only),
    )


def _held_channels(
    connection: Connection, grouped: pl.DataFrame, places: Sequence[Place], only: Sequence[Channel] | None
) -> tuple[str, ...]:
    """Why messages of the list will wait: what forms say beside a channel that cannot be chosen."""
    concerned = set(grouped["location_id"].unique())
    return tuple(
        f"{place.name}: {offer.reason}"
        for place in places
        if only and place.location_id in concerned
        for offer in offered_channels(connection, place.location_id)
        if offer.channel in only and not offer.is_available
    )


def _gaps(
    connection: Connection, account_id: int, places: Sequence[Place], only: Sequence[Channel] | None, now: datetime
) -> ConsentGaps | None:
    """None while the account has no policy: nothing is planned either."""
    try:
        _, policy = read_policy(connection, account_id, now)
    except NoPolicy:
        return None
    on: dict[int, list[Channel]] = {place.location_id: [] for place in places}
    rows = sa.select(channels.c.location_id, channels.c.channel).where(
        channels.c.location_id.in_(on), channels.c.is_enabled
    )
    for location_id, channel in connection.execute(rows):
        if only is None or channel in only:
            on[location_id].append(channel)
    return ConsentGaps(policy, on, now)
