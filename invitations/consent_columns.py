"""What a list says of consent: each row's own word for it, and what whoever imports it declares for the whole.

A `no` overrules whatever else the list says of that person. What a row says of itself counts before the declaration. A
no on record stands against a declaration, and against a yes that names no day: only a later word of the person's own
lifts it. Nothing is assumed: without a word there is no consent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from data.ledger.consents import BasisGiven
from data.ledger.frames import MOMENT
from data.words import ConsentBasis, Relationship
from invitations.columns import by_text, plain
from invitations.dates import with_date
from invitations.import_report import ImportRefused
from invitations.rejected import Finding

_YES = frozenset(
    ("yes", "y", "true", "t", "1", "x", "ok", "si", "s", "oui", "ja", "j", "sim", "given", "granted", "agreed",
     "accepted", "consented", "subscribed", "opted in", "opt in", "optin", "checked", "express", "explicit", "on",
     "erteilt", "wahr", "vrai", "verdadero", "vero", "accepte", "aceptado", "да", "はい", "是", "tak")
)  # fmt: skip
_NO = frozenset(
    ("no", "n", "false", "f", "0", "non", "nein", "nao", "nee", "refused", "declined", "denied", "withdrawn", "revoked",
     "unsubscribed", "opted out", "opt out", "optout", "unchecked", "do not contact", "nope", "off", "stop",
     "abgelehnt", "widerrufen", "verweigert", "rechazado", "denegado", "refuse", "rifiutato", "falso", "faux", "falsch",
     "нет", "いいえ", "否", "nie")
)  # fmt: skip
_BEGINS_A_NO = frozenset(
    {"no", "not", "never", "nein", "nicht", "kein", "keine", "non", "nao", "nee", "sin", "nunca", "jamais"}
)
_UNKNOWN = frozenset(
    {
        "",
        "unknown",
        "n a",
        "na",
        "none",
        "null",
        "not asked",
        "unbekannt",
        "desconocido",
        "inconnu",
        "not known",
        "not recorded",
        "no answer",
        "no data",
        "keine angabe",
        "sin datos",
        "non renseigne",
    }
)
_BASES = {
    ConsentBasis.EXPRESS: ("express", "explicit", "express consent", "opt in", "written", "consent", "einwilligung"),
    ConsentBasis.PURCHASE: (
        "purchase", "implied purchase", "customer", "existing customer", "existing business relationship", "ebr",
        "transaction", "sale", "visit", "implied", "kauf", "compra", "achat", "acquisto",
    ),
    ConsentBasis.INQUIRY: ("inquiry", "enquiry", "implied inquiry", "lead", "request", "quote", "anfrage", "consulta"),
}  # fmt: skip
_BASIS_OF = {name: basis.value for basis, names in _BASES.items() for name in names}
_RELATIONSHIPS = {
    Relationship.CUSTOMER: (
        "customer", "client", "patient", "guest", "new patient", "existing customer", "regular", "lead", "prospect",
        "contact", "member", "subscriber", "buyer", "visitor", "person", "individual", "other", "kunde", "patientin",
        "cliente", "paciente", "huesped", "invite", "gast",
    ),
    Relationship.STAFF: (
        "staff", "employee", "staff member", "team", "team member", "colleague", "owner", "mitarbeiter",
        "mitarbeiterin", "personal", "empleado", "empleada", "employe", "dipendente",
    ),
    Relationship.RELATIVE: (
        "relative", "family", "family member", "family of staff", "staff family", "relative of staff", "spouse",
        "familie", "angehoriger", "angehorige", "familia", "familiar", "famille", "famiglia", "parente",
    ),
}  # fmt: skip
_RELATIONSHIP_OF = {name: found.value for found, names in _RELATIONSHIPS.items() for name in names}
_LONGEST_HOW = 300
_LONGEST_WORDING = 5_000


@dataclass(frozen=True, slots=True)
class Declaration:
    """What whoever imports a list says of everybody in it. `consented_on` None: the row's visit, else the import."""

    basis: ConsentBasis
    wording: str | None = None
    consented_on: date | None = None


def checked_declaration(
    basis: str | None, wording: str | None, consented_on: date | None, *, today: date
) -> Declaration | None:
    """What was declared, or None. Raises ImportRefused, in words, for what cannot be meant."""
    if basis is None:
        if wording or consented_on:
            raise ImportRefused(
                "A wording or a day of consent alone records nothing. Say which consent it is, too: "
                "express, purchase or inquiry."
            )
        return None
    allowed = {one.value: one for one in _BASES}
    if basis not in allowed:
        raise ImportRefused(f'"{basis}" is no basis of consent. Expected {", ".join(allowed)}.')
    if consented_on is not None and consented_on > today:
        raise ImportRefused(f"Consent cannot have been given on {consented_on}, which is yet to come.")
    text = (wording or "").strip()
    if len(text) > _LONGEST_WORDING:
        raise ImportRefused(f"The wording has {len(text)} characters; at most {_LONGEST_WORDING} can be kept.")
    return Declaration(allowed[basis], text or None, consented_on)


def with_consent(frame: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """`is_consenting` (null = nothing was said), `consented_at`, `consent_basis` and `relationship` (words).

    A cell of `consent` may hold the day itself; a day or a basis alone is a yes.
    """
    texts = frame["consent_text"].drop_nulls().unique()
    said = [plain(text) for text in texts]
    answers = pl.DataFrame(
        {
            "consent_text": texts,
            "said_yes": pl.Series([one in _YES for one in said], dtype=pl.Boolean),
            "said_no": pl.Series([_is_no(one) for one in said], dtype=pl.Boolean),
            "said_nothing": pl.Series([one in _UNKNOWN for one in said], dtype=pl.Boolean),
        }
    )
    frame = frame.join(answers, on="consent_text", how="left", maintain_order="left")
    is_other = ~(pl.col("said_yes") | pl.col("said_no") | pl.col("said_nothing"))
    frame = frame.with_columns(pl.when(is_other).then("consent_text").alias("consent_day_text"))
    frame = with_date(with_date(frame, "consent_day", now), "consented_at", now)
    frame = by_text(by_text(frame, "consent_basis", _basis), "relationship", _relationship)
    day = pl.coalesce("consent_day", "consented_at").cast(MOMENT)
    is_yes = pl.col("said_yes") | day.is_not_null() | pl.col("consent_basis").is_not_null()
    no = pl.col("said_no").fill_null(False)
    return frame.with_columns(
        pl.when(no).then(False).when(is_yes.fill_null(False)).then(True).alias("is_consenting"),
        day.alias("consented_at"),
    )


def _is_no(said: str) -> bool:
    """Also "no thanks", "not given", "kein Einverständnis": what begins with a no is one, unless it is "not asked"."""
    return said in _NO or (said not in _UNKNOWN and said.split(" ", 1)[0] in _BEGINS_A_NO)


def _basis(text: str) -> str | None:
    return _BASIS_OF.get(plain(text))


def _relationship(text: str) -> str | None:
    return _RELATIONSHIP_OF.get(plain(text))


def consent_findings() -> tuple[Finding, ...]:
    """Cells about consent and relationship that cannot be read."""
    return (
        Finding(
            "consent",
            "consent_text",
            pl.col("consent_day_fault").is_not_null(),
            lambda row: "neither yes nor no nor a day that has been, so no consent was recorded. Expected one of those",
        ),
        Finding(
            "consented_at",
            "consented_at_text",
            pl.col("consented_at_fault").is_not_null(),
            lambda row: row["consented_at_fault"],
        ),
        Finding(
            "consent_basis",
            "consent_basis_text",
            pl.col("consent_basis_text").is_not_null() & pl.col("consent_basis").is_null(),
            lambda row: "no basis of consent that we know. Expected express, purchase or inquiry",
        ),
        Finding(
            "relationship",
            "relationship_text",
            pl.col("relationship_text").is_not_null() & pl.col("relationship").is_null(),
            lambda row: "not a relationship that we know, so it was left out. Expected customer, staff or relative",
        ),
    )


def bases_of(
    row: Mapping[str, Any],
    declared: Declaration | None,
    *,
    zone: str,
    list_name: str,
    columns: Mapping[str, str],
    now: datetime,
) -> tuple[BasisGiven, ...]:
    """What is to be recorded for one customer. `row`: the columns of `with_consent`, and `visited_at`.

    `columns` names the file's own. A refusal is dated now, when we learn of it; a consent by its day, else the visit.
    """
    what = f'list "{list_name}", column '
    if row["is_consenting"] is False:
        return (BasisGiven(ConsentBasis.WITHDRAWN, now, f"{what}{columns.get('consent', 'consent')}"[:_LONGEST_HOW]),)
    found = []
    if row["is_consenting"]:
        basis = ConsentBasis(row["consent_basis"] or ConsentBasis.EXPRESS)
        column = next((columns[name] for name in ("consent", "consented_at", "consent_basis") if name in columns), "")
        given_at = row["consented_at"] or row["visited_at"] or now
        wording = declared.wording if declared and declared.basis is basis else None
        is_undated = row["consented_at"] is None and row["visited_at"] is None
        how = f"{what}{column}"[:_LONGEST_HOW]
        found.append(BasisGiven(basis, given_at, how, wording, is_undated=is_undated))
    if declared and all(one.basis is not declared.basis for one in found):
        given_at = _midnight(declared.consented_on, zone) or row["visited_at"] or now
        how = f'list "{list_name}", declared for all of it'[:_LONGEST_HOW]
        found.append(BasisGiven(declared.basis, given_at, how, declared.wording, is_declared=True))
    return tuple(found)


def _midnight(day: date | None, zone: str) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
