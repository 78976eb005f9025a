"""What may stand in the body of POST /hooks/customers, and every fault of one that cannot be meant.

Only its form is judged here; whether an address is one, and what a visit or a consent means, is decided by the rules of
an import (`invitations.intake`), as for a row of a file.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

LONGEST_KEY = 200
_LONGEST_SHOWN = 100  # characters of what was found
Text = Annotated[str, Field(max_length=2_000)]
KEY = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}")
KEY_EXPECTED = f"1 to {LONGEST_KEY} letters, digits and signs of ASCII, without spaces"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a call: which field, what was found there, and what is expected."""

    field: str
    found: str
    expected: str

    def as_json(self) -> dict[str, str]:
        """As it is answered."""
        return {"field": self.field, "found": self.found, "expected": self.expected}


class Unreadable(ValueError):
    """The body is no JSON object in UTF-8; the message says why, and quotes nothing."""


class BodyRefused(ValueError):
    """The body is JSON, and cannot be meant."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = tuple(faults)


class Consent(BaseModel):
    """On what basis they may be asked, when they gave it (else the visit, else now), and in which words."""

    model_config = ConfigDict(strict=True, extra="forbid")

    basis: Literal["express", "purchase", "inquiry"]
    given_at: Text | None = None
    wording: Annotated[str, Field(max_length=5_000)] | None = None


class CustomerCall(BaseModel):
    """One customer, and how to ask them. Texts are read as a file's cells are."""

    model_config = ConfigDict(strict=True, extra="forbid")

    location: Text
    id: str | None = None
    name: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    locale: Text | None = None
    employee: Text | None = None
    service: Text | None = None
    visited_at: Text | None = None
    time_zone: Text | None = None
    postal_code: Text | None = None
    country: Text | None = None
    relationship: Text | None = None
    consent: bool | Consent | None = None
    channels: list[Literal["sms", "email", "whatsapp"]] | None = Field(default=None, max_length=3)
    template: Text | None = None
    send_at: Text | None = None

    def cells(self) -> dict[str, str | None]:
        """The customer as a row of a file would have them, by the names of the columns."""
        named = {name: getattr(self, name) for name in _CELLS if getattr(self, name) is not None}
        said: dict[str, str | None] = {}
        if isinstance(self.consent, Consent):
            said = {"consent": "yes", "consent_basis": self.consent.basis, "consented_at": self.consent.given_at}
        elif self.consent is not None:
            said = {"consent": "yes" if self.consent else "no"}
        return {"email": None, "phone": None, **named, **{name: text for name, text in said.items() if text}}


_CELLS = (
    "name", "first_name", "last_name", "email", "phone", "locale", "employee", "service", "visited_at", "time_zone",
    "postal_code", "country", "relationship",
)  # fmt: skip


def read_call(body: bytes) -> CustomerCall:
    """The body of one call. Raises Unreadable, or BodyRefused with every fault."""
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Unreadable("The body is not UTF-8.") from None
    except RecursionError:
        raise Unreadable("The body is nested too deeply.") from None
    except ValueError as problem:
        where = f" (line {problem.lineno}, column {problem.colno})" if isinstance(problem, json.JSONDecodeError) else ""
        raise Unreadable(f"The body is not JSON{where}. Each name may come once, and no number is NaN.") from None
    if not isinstance(document, dict):
        raise Unreadable("The body is not a JSON object; expected {...}.")
    if faults := _unstorable(document):
        raise BodyRefused(faults)  # Pydantic cannot even name such a field
    try:
        call = CustomerCall.model_validate(document)
    except ValidationError as problem:
        raise BodyRefused([_fault(error) for error in problem.errors(include_url=False)]) from None
    if call.id is not None and not KEY.fullmatch(call.id):
        faults.append(Fault("id", shown(call.id), KEY_EXPECTED))
    if call.email is None and call.phone is None:
        faults.append(Fault("email", "nothing", "an email address, a phone number (field phone), or both"))
    if faults:
        raise BodyRefused(faults)
    return call


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a name comes twice")
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _unstorable(document: Mapping[str, Any], path: str = "") -> list[Fault]:
    """Texts that no database takes: with a NUL, or half of a surrogate pair. Only consent has fields of its own."""
    faults = []
    for name, value in document.items():
        if isinstance(value, Mapping) and not path:
            faults += _unstorable(value, f"{shown(name)}.")
        elif any(isinstance(text, str) and not _is_storable(text) for text in (name, value)):
            faults.append(Fault(f"{path}{shown(name)}", shown(value), "text without NUL characters, in whole Unicode"))
    return faults


def _is_storable(text: str) -> bool:
    return "\0" not in text and _is_text(text)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault(error: ErrorDetails) -> Fault:
    """One of Pydantic's complaints in our words."""
    # Of a value that may have several forms the way to it names the form; no field is called so.
    path = [str(part) for part in error["loc"] if part not in {"bool", "Consent"}]
    field = shown(".".join(path))
    expected = {
        "missing": "this field; it must be there",
        "extra_forbidden": f"none of this name; there are: {', '.join(CustomerCall.model_fields)}",
        "string_type": "a text in quotation marks",
        "bool_type": 'true, false, or an object such as {"basis": "express", "given_at": "2026-11-20"}',
        "model_type": 'true, false, or an object such as {"basis": "express", "given_at": "2026-11-20"}',
        "list_type": 'a list such as ["sms", "email"]',
    }.get(error["type"], error["msg"])
    found = "nothing" if error["type"] == "missing" else shown(error["input"])
    return Fault(field, found, expected)


def shown(value: Any) -> str:
    """What was found, short and storable."""
    try:
        text = value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        text = "something nested deeply"
    text = text.encode("ascii", "backslashreplace").decode() if not _is_text(text) else text
    text = text.replace("\0", "\\0")
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
