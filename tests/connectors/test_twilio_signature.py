"""Twilio's signature, by our reckoning and by its own SDK's: the same posts are believed."""

from collections.abc import Mapping
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from connectors import ForgedCallback, MalformedCallback, ProviderEvent
from connectors.twilio.callbacks import TwilioCallbacks
from connectors.twilio.signature import SIGNATURE, fields_of, is_signed
from data.words import EventKind
from tests.connectors.samples import NUMBER, SENDER, SID, twilio_settings
from tests.world import NOON

pytestmark = pytest.mark.one_database
INBOUND = "https://reviews.example/callbacks/twilio/inbound"
SECRET = "12345"
_texts = st.text(st.characters(codec="utf-8"), max_size=12)
_fields = st.dictionaries(_texts, st.lists(_texts, min_size=1, max_size=3), max_size=6)
_urls = st.sampled_from(
    [
        INBOUND,
        INBOUND + "?s=a%2Fb&s=&x=1",
        "https://reviews.example:443/c",
        "http://reviews.example:8080/c?bodySHA256=1",
    ]
)


class ManyValues(dict[str, list[str]]):
    """A form as the SDK asks for it."""

    def getall(self, name: str) -> list[str]:
        return self[name]


@given(fields=_fields, url=_urls, algorithm=st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]))
@example(fields={"": [""], "Body": ["", "a b+c%", "😀\x00"]}, url=INBOUND, algorithm="HMAC_SHA1")
@pytest.mark.slow
def test_a_post_is_believed_exactly_when_twilios_sdk_believes_it(
    fields: dict[str, list[str]], url: str, algorithm: str
) -> None:
    body = urlencode(fields, doseq=True).encode()
    read = fields_of(body)
    assert read == fields
    sdk = RequestValidator(SECRET)
    signature = sdk.compute_signature(url, ManyValues(fields), algorithm)
    headers = {SIGNATURE: signature, "x-twilio-webhooks-signature-settings": f"key=k,algorithm={algorithm}"}
    assert is_signed(SECRET, url, read, headers)
    assert sdk.validate(url, ManyValues(fields), signature, algorithm)
    assert not is_signed(SECRET, url + "&", read, headers)
    assert not is_signed("another", url, read, headers)
    assert not is_signed(SECRET, url, {**read, "MessageSid": [SID]}, headers)


@pytest.mark.parametrize(
    ("called", "signed"),
    [(INBOUND, INBOUND.replace(".example", ".example:443")), (INBOUND.replace(".example", ".example:443"), INBOUND)],
)
def test_the_default_port_may_be_signed_or_left_out(called: str, signed: str) -> None:
    signature = RequestValidator(SECRET).compute_signature(signed, {"A": "1"})
    assert is_signed(SECRET, called, {"A": ["1"]}, {SIGNATURE: signature})


def post(fields: Mapping[str, str | list[str]] | bytes, signed: dict[str, list[str]] | None = None) -> ProviderEvent:
    """What is read of a form that is signed (as `signed`, if that is given)."""
    body = fields if isinstance(fields, bytes) else urlencode(fields, doseq=True).encode()
    signature = RequestValidator(SECRET).compute_signature(INBOUND, ManyValues(signed or fields_of(body)))
    reader = TwilioCallbacks(twilio_settings("https://api.twilio.com"), dated_by=lambda: NOON)
    [event] = reader.read_callback(INBOUND, {SIGNATURE: signature}, body).events
    return event


TEXT: dict[str, str | list[str]] = {"MessageSid": SID, "From": NUMBER, "To": SENDER, "Body": "START", "NumMedia": "0"}


def test_a_signed_text_cut_elsewhere_is_not_another_text() -> None:
    """The signature has no marks between fields: their ends can be moved without breaking it."""
    fields = {"From": "+1", "MessageSid": SID, "NumMedia": "0"}
    moved = {"From": "+1", "MessageSid": SID + "NumMedia0"}
    assert "".join(n + v for n, v in sorted(fields.items())) == "".join(n + v for n, v in sorted(moved.items()))
    with pytest.raises(MalformedCallback, match="MessageSid"):
        post(moved, {name: [value] for name, value in fields.items()})


@pytest.mark.parametrize(
    "changed",
    [
        {"MessageSid": ""}, {"MessageSid": "SM1"}, {"MessageSid": SID + "0"}, {"MessageSid": [SID, SID[:-1] + "2"]},
        {"Body": ["START", "STOP"]}, {"From": ""}, {"From": [NUMBER, SENDER]},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_read_in_one_way_only_is_not_read(changed: dict[str, str | list[str]]) -> None:
    with pytest.raises(MalformedCallback):
        post(TEXT | changed)


def test_the_same_value_twice_is_one_value() -> None:
    assert post(TEXT | {"Body": ["STOP", "STOP"]}).kind is EventKind.UNSUBSCRIBED


@pytest.mark.parametrize(
    "body",
    [b"Body=%ff&MessageSid=" + SID.encode(), b"Body=\xff", "Body=Zo\u00eb".encode("utf-16"), b"&".join([b"a=1"] * 201)],
    ids=["latin-1, encoded", "latin-1", "utf-16", "too many fields"],
)
def test_what_is_no_form_in_utf_8_is_not_believed(body: bytes) -> None:
    with pytest.raises(ForgedCallback):
        post(body, {"Body": ["x"]})


def test_what_postgresql_cannot_store_is_kept_as_a_mark() -> None:
    event = post(TEXT | {"Body": "a\x00b", "Odd\x00": ["\x00", "c"]})
    assert event.raw["Body"] == "a\ufffdb"
    assert event.raw["Odd\ufffd"] == ["\ufffd", "c"]


@pytest.mark.parametrize(
    ("sender", "whatsapp_id", "number"),
    [
        ("+13125550001", None, "+13125550001"), ("whatsapp:+13125550001", "13125550001", "+13125550001"),
        ("whatsapp:US.13491208655302741918", "13125550001", "+13125550001"), ("whatsapp:US.1349", None, None),
        ("72345", None, None), ("whatsapp:US.1349", "not-a-number", None),
    ],
)  # fmt: skip
def test_somebody_who_writes_under_a_name_is_known_by_the_number_behind_it(
    sender: str, whatsapp_id: str | None, number: str | None
) -> None:
    given_id: dict[str, str | list[str]] = {"WaId": whatsapp_id} if whatsapp_id else {}
    event = post({**TEXT, "From": sender, **given_id})
    assert event.address == number
    assert (event.address_kind is None) == (number is None)
