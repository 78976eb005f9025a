"""What a call of /hooks/customers may say, and that every fault of it is told with what was found and is expected."""

from typing import Any

import pytest

from invitations.hook_body import BodyRefused, Unreadable, read_call

GOOD = '{"location": "chicago", "id": "a-1", "email": "ana@example.com"}'


def faults(body: str) -> dict[str, tuple[str, str]]:
    with pytest.raises(BodyRefused) as refused:
        read_call(body.encode("utf-8", "surrogatepass"))
    return {fault.field: (fault.found, fault.expected) for fault in refused.value.faults}


def test_a_call_becomes_the_row_that_a_file_would_have() -> None:
    call = read_call(
        b'{"location": "chicago", "id": "a-1", "email": "ana@example.com", "name": "Ana Ruiz", "consent": '
        b'{"basis": "express", "given_at": "2026-11-20"}, "visited_at": "2026-11-21T10:00:00-06:00"}'
    )
    assert call.cells() == {
        "email": "ana@example.com", "phone": None, "name": "Ana Ruiz", "visited_at": "2026-11-21T10:00:00-06:00",
        "consent": "yes", "consent_basis": "express", "consented_at": "2026-11-20",
    }  # fmt: skip
    assert read_call(GOOD.replace("}", ', "consent": false}').encode()).cells()["consent"] == "no"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff{}", GOOD.encode("utf-16"), b"[]", b'"x"', b"{", GOOD.encode()[:-1], b"[" * 60_000,
        b'{"id": 1' + b"1" * 5_000 + b"}", b'{"location": NaN}', b'{"id": "1", "id": "2"}', b"email=ana@example.com",
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_unreadable_and_quoted_nowhere(body: bytes) -> None:
    with pytest.raises(Unreadable) as problem:
        read_call(body)
    assert "ana" not in str(problem.value)


def test_every_fault_is_told_at_once() -> None:
    told = faults(
        '{"id": "a b", "email": 5, "channels": ["sms", "fax"], "chanels": ["sms"], "consent": {"basis": "maybe"}, '
        '"send_at": ["now"]}'
    )
    assert told["location"] == ("nothing", "this field; it must be there")
    assert told["email"] == ("5", "a text in quotation marks")
    assert told["channels.1"] == ("fax", "Input should be 'sms', 'email' or 'whatsapp'")
    assert told["chanels"][0] == '["sms"]'
    assert told["chanels"][1].startswith("none of this name; there are: location, id,")
    assert told["consent.basis"][0] == "maybe"
    assert told["send_at"] == ('["now"]', "a text in quotation marks")


DEEP: Any = "[" * 400 + "]" * 400


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ('"name": "A\\u0000"', "name"),
        ('"name": "\\ud800"', "name"),
        ('"consent": {"basis": "express", "wording": "\\u0000"}', "consent.wording"),
        ('"\\ud800": "x"', "\\ud800"),
        (f'"deep": {DEEP}', "deep"),
        ('"name": "' + "a" * 3_000 + '"', "name"),
        ('"phone": null, "email": null, "id": ""', "id"),
        ('"id": "é"', "id"),
        ('"id": "' + "a" * 201 + '"', "id"),
        ('"consent": "yes"', "consent"),
    ],
)
def test_what_no_ledger_takes_is_refused_by_its_field_and_shown_short(more: str, field: str) -> None:
    names = {part.partition('"')[0] for part in more.split('"')[1::2]}
    kept = ", ".join(f'"{name}": "x"' for name in ("location", "id", "email") if name not in names)
    told = faults("{" + ", ".join(filter(None, [kept, more])) + "}")
    assert field in told
    found = told[field][0]
    assert len(found) <= 101
    found.encode()
    assert "\0" not in found
