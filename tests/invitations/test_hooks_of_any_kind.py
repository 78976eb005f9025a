"""Whatever a signed call says, it is answered: never a crash, never half of it stored. AFTERWORD_EXAMPLES looks on."""

import json
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, event, given, settings

from data.ledger import tables as t
from data.ledger.store import Ledger
from invitations.hook_body import BodyRefused, CustomerCall, Unreadable, read_call
from invitations.hooks import take_call
from tests.examples import examples
from tests.world import NOON, make_world

EXAMPLES = examples(10)

signs = st.text(st.characters(codec=None), max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | signs,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(signs, inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*CustomerCall.model_fields, "consent.basis", ""]) | signs
texts = {
    "name": st.text(max_size=120),
    "email": st.sampled_from(["ana@example.com", "a@b", "@", "ana@example.com\n", "x" * 400 + "@example.com"]) | signs,
    "phone": st.sampled_from(["(312) 555-0100", "+44 20 7946 0000", "1e11", "٠١٢٣٤٥٦٧٨٩", "tel:123", "+"]) | signs,
    "visited_at": st.sampled_from(
        ["2026-11-21", "9999-12-31T23:59:59-23:59", "1990-01-01T00:00:00+23:59", "31/02/2026", "20261121", "0000-00-00"]
    )
    | st.dates().map(str)
    | st.datetimes().map(str)
    | signs,
    "send_at": st.sampled_from(["2026-12-01 10:00", "2026-W48-2", "9999-12-31T23:59:59-14:00", "2199-12-31 23:59"])
    | st.datetimes(timezones=st.timezones()).map(str)
    | signs,
    "locale": st.sampled_from(["es-US", "zz", "e", "en_us"]) | signs,
    "time_zone": st.sampled_from(["America/Chicago", "../etc/passwd", "UTC"]) | signs,
    "postal_code": st.sampled_from(["60601", "2115.0", "SW1A 1AA"]) | signs,
    "country": st.sampled_from(["US", "germany", "ZZ"]) | signs,
    "relationship": st.sampled_from(["staff", "patient"]) | signs,
    "template": st.sampled_from(["ask", "reminder"]) | signs,
    "consent": st.booleans()
    | st.fixed_dictionaries(
        {"basis": st.sampled_from(["express", "purchase", "inquiry"])},
        optional={"given_at": st.dates().map(str) | signs, "wording": signs},
    ),
    "channels": st.lists(st.sampled_from(["sms", "email", "whatsapp"]), max_size=4),
}


@given(st.dictionaries(names, values, max_size=6).map(json.dumps).map(str.encode) | st.binary(max_size=60))
@settings(max_examples=4 * EXAMPLES)
@pytest.mark.slow
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        call = read_call(body)
    except (Unreadable, BodyRefused):
        return
    assert call.email is not None or call.phone is not None


@pytest.fixture(scope="module")
def numbers() -> Any:
    return iter(range(10**9))


@pytest.mark.slow
@pytest.mark.one_database
@given(call=st.fixed_dictionaries({}, optional=texts))
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_texts_are_taken_in_or_refused_whole(ledger: Ledger, numbers: Any, call: dict[str, Any]) -> None:
    with ledger.read() as c:
        is_new = c.execute(sa.select(t.accounts)).first() is None
    if is_new:
        make_world(ledger)
    body = json.dumps({"email": "ana@example.com", "location": "chicago", "id": f"n{next(numbers)}", **call}).encode()
    before = customers(ledger)
    answer = take_call(ledger, body, None, now=NOON)
    event(f"answered {answer.status}")
    assert answer.status in {200, 202, 422}
    json.dumps(answer.body)
    assert customers(ledger) == before or answer.status != 422
    assert take_call(ledger, body, None, now=NOON).status == answer.status


def customers(ledger: Ledger) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(t.customers.select()).all())
