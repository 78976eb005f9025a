"""The customers behind the candidates, one row each: where they stand, when they were asked, on what basis they may be.

Frames in, frames out; nothing is read here.
"""

from functools import cache

import polars as pl

from data.ledger.candidate_sources import Sources
from data.ledger.frames import MOMENT
from data.recipients import locate
from data.words import ConsentBasis, InvitationStatus

_OVER = (InvitationStatus.FINISHED.value, InvitationStatus.ANSWERED.value)
_OF_INVITATION = (
    *("invitation_id", "invitation_status", "invitation_sequence_id", "invitation_list_id"),
    *("started_at", "first_handed_at", "sent_by", "override_reason"),
    *("invitation_channels", "invitation_template_slug", "invitation_send_at"),
)
_OF_ASK = ("channels", "template_slug", "send_at")  # what an ask may name; null: the list's, the sequence's, at once
_BASES = {
    "express_at": ConsentBasis.EXPRESS,
    "purchase_at": ConsentBasis.PURCHASE,
    "inquiry_at": ConsentBasis.INQUIRY,
}


def people_of(sources: Sources) -> pl.DataFrame:
    """Each customer, with the invitation that goes on; without one, what a new invitation would take.

    Adds sequence_id, list_id, ordered_at, begins_at (a new invitation's own delay counts from here), has_unit,
    is_cap_overridden, ask_channels, ask_template_slug, ask_send_at, is_excluded, is_list_paused, is_list_undone,
    express_at, purchase_at, inquiry_at, asked_at, invited_at, zones, regions, recipient_country.
    """
    rows = locate(_with_consents(_with_occasions(sources), sources.consents))
    rows = rows.with_columns(
        # An invitation keeps what it started with; changes touch new ones only.
        sequence_id=pl.coalesce("invitation_sequence_id", "location_sequence_id"),
        list_id=pl.coalesce("invitation_list_id", "customer_list_id"),
        is_cap_overridden=pl.col("override_reason").is_not_null(),
        allowed_channels=pl.coalesce("ask_channels", "allowed_channels"),
    )
    has_unit = pl.col("invitation_id").is_in(sources.units["invitation_id"].implode())
    rows = rows.join(sources.lists, on="list_id", how="left").with_columns(
        has_unit=has_unit.fill_null(value=False),
        is_excluded=pl.col("person_id").is_in(sources.excluded_people["person_id"].implode()),
        is_list_undone=_came_only_by_undone(),
    )
    return _with_asks(rows, sources.asks)


def _with_occasions(sources: Sources) -> pl.DataFrame:
    """Whoever came again after an invitation was over stands as somebody new; who asked by hand is said.

    A stopped invitation stays stopped: a person may restart it, a new visit must not.
    """
    asked = pl.col("manually_asked_at")
    by_hand = sources.manual_asks.rename(
        {"asked_at": "manually_asked_at", "sent_by": "asked_by", "override_reason": "asked_reason"}
        | {name: f"asked_{name}" for name in _OF_ASK}
    )
    rows = sources.people.join(by_hand, on="customer_id", how="left").with_columns(
        occasion_at=pl.max_horizontal("occasion_at", asked)
    )
    is_over = pl.col("invitation_status").is_in(_OVER).fill_null(value=False)
    came_again = is_over & (pl.col("occasion_at") > pl.col("started_at")).fill_null(value=False)
    rows = rows.filter(
        came_again | (pl.col("invitation_status") != InvitationStatus.FINISHED.value).fill_null(value=True)
    ).with_columns(came_again=came_again, is_unspent=(asked > pl.col("started_at")).fill_null(asked.is_not_null()))
    rows = rows.with_columns(
        *(pl.when(~pl.col("came_again")).then(name).alias(name) for name in _OF_INVITATION),
        shift_minutes=pl.when("came_again").then(0).otherwise("shift_minutes"),
        begins_at=pl.when("came_again").then("occasion_at").otherwise("customer_created_at"),
    )
    is_by_hand = pl.col("invitation_id").is_null() & pl.col("is_unspent")
    return rows.with_columns(
        sent_by=pl.when(is_by_hand).then("asked_by").otherwise("sent_by"),
        override_reason=pl.when(is_by_hand).then("asked_reason").otherwise("override_reason"),
        **{
            f"ask_{name}": pl.when(is_by_hand).then(f"asked_{name}").otherwise(f"invitation_{name}") for name in _OF_ASK
        },
        ordered_at=pl.coalesce("started_at", "begins_at"),
    )


@cache
def _came_only_by_undone() -> pl.Expr:
    """Whether nothing but a list that was taken back speaks for asking: no invitation goes on and nobody asked by hand.

    Whoever was there before the list and was never asked still waits to be; whoever was asked once came again by it.
    """
    is_new = pl.col("customer_created_at") >= pl.col("undone_list_began_at")
    by_it = pl.col("undone_list_began_at").is_not_null() & (pl.col("came_again") | is_new)
    return (pl.col("invitation_id").is_null() & ~pl.col("is_unspent") & by_it).fill_null(value=False)


def _with_consents(rows: pl.DataFrame, consents: pl.DataFrame) -> pl.DataFrame:
    """Adds when each basis was given last; null where there is none, or a withdrawal came as late or later.

    `is_consent_withdrawn`: they said no, and nothing was given since.
    """
    if consents.is_empty():
        none = {name: pl.lit(None, MOMENT) for name in _BASES}
        return rows.with_columns(**none, is_consent_withdrawn=pl.lit(value=False))
    given = consents.group_by("customer_id").agg(
        withdrawn_at=pl.col("given_at").filter(pl.col("basis") == ConsentBasis.WITHDRAWN.value).max(),
        **{
            name: pl.col("given_at").filter(pl.col("basis") == basis.value).max() for name, basis in _BASES.items()
        },
    )  # fmt: skip
    stands = [
        pl.when((pl.col(name) > pl.col("withdrawn_at")).fill_null(value=True)).then(name).alias(name) for name in _BASES
    ]
    given = given.with_columns(stands).with_columns(
        is_consent_withdrawn=pl.col("withdrawn_at").is_not_null() & pl.all_horizontal(pl.col(*_BASES).is_null())
    )
    return rows.join(given.drop("withdrawn_at"), on="customer_id", how="left").with_columns(
        pl.col("is_consent_withdrawn").fill_null(value=False)
    )


def _with_asks(rows: pl.DataFrame, asks: pl.DataFrame) -> pl.DataFrame:
    """Adds `asked_at` (the person, anywhere) and `invited_at` (at this location).

    An invitation of which a message has gone is not held up by itself, though its unit was given back too early.
    """
    if asks.is_empty():
        return rows.with_columns(asked_at=pl.lit(None, MOMENT), invited_at=pl.lit(None, MOMENT))
    anywhere = asks.group_by("person_id").agg(pl.col("asked_at").max())
    here = asks.group_by("person_id", "location_id").agg(invited_at=pl.col("asked_at").max())
    has_gone = pl.col("first_handed_at").is_not_null() & ~pl.col("has_unit")
    return (
        rows.join(anywhere, on="person_id", how="left")
        .join(here, on=["person_id", "location_id"], how="left")
        .with_columns(pl.when(~has_gone).then(name).alias(name) for name in ("asked_at", "invited_at"))
    )
