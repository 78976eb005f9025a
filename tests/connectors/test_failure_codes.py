"""What each provider's codes ask for, after acceptance too: the tables of provider-contracts 1.7 and 3.5."""

from datetime import timedelta

import pytest

from connectors.mailgun_events import provider_event
from connectors.registry import is_known_code
from connectors.twilio.codes import ERRORS, Treatment, is_known, retry_of, scope_of, template_of
from connectors.twilio.events import status_event
from connectors.twilio.messenger import TwilioMessenger
from data.words import EventKind, FailureScope, TemplateApproval
from tests.connectors.carried import carry
from tests.connectors.samples import text_message, twilio_error, twilio_settings
from tests.connectors.server import PATIENT, Answer, stub
from tests.world import NOON

PICTURE = "https://reviews.example/m/abcdefghijkl"

LATER = [
    11200, 30001, 30003, 30008, 30017, 30022, 30023, 30027, 30036, 30410, 30450, 63012, 63018, 63019, 63037,
]  # fmt: skip
OUR_SENDER = [21212, 21606, 21659, 21660, 21703, 21705, 63007]
OPT_OUT = {21610, 63014, 63033}
DEAD_ADDRESS = {21211, 21217, 21614, 30005, 30006, 63003, 63024}
ACCOUNT = [20003, 20005, 30002, 21608, 30032, 30034, 30035, 63001, 63020, 63051, 63038]


@pytest.mark.parametrize("code", LATER)
def test_a_trouble_that_may_pass_allows_another_message(code: int) -> None:
    retry = retry_of(code)
    assert retry is not None
    assert retry.most == (1 if code in {30003, 30008} else 3)
    assert (retry.day_zone is not None) == (code in {30023, 30027})
    assert retry.day_zone or retry.after >= timedelta(minutes=30)
    assert scope_of(code) is FailureScope.MESSAGE


@pytest.mark.parametrize("code", ACCOUNT)
def test_a_refused_account_is_our_senders_fault_and_its_message_is_kept(code: int) -> None:
    assert scope_of(code) is FailureScope.SENDER
    assert retry_of(code) is not None


def test_who_opted_out_and_what_address_is_dead_are_just_those_of_the_table() -> None:
    """One too few writes again to somebody who said no (field rule R10); one too many takes an address for good."""
    scopes = {code: meaning for code, (meaning, _) in ERRORS.items()}
    assert {code for code, meaning in scopes.items() if meaning is FailureScope.OPT_OUT} == OPT_OUT
    assert {code for code, meaning in scopes.items() if meaning is FailureScope.ADDRESS} == DEAD_ADDRESS
    for code in OPT_OUT | DEAD_ADDRESS:
        told = status_event("SM1", "undelivered", code, NOON, None, raw={})
        assert (told.scope, told.retry) == (scopes[code], None)


def test_what_slows_a_sender_down_and_what_stops_the_account_are_just_those_of_the_table() -> None:
    treated = {kind: {code for code, (meaning, _) in ERRORS.items() if meaning is kind} for kind in Treatment}
    assert treated[Treatment.THROTTLE] == {20429, 21611}
    assert treated[Treatment.ACCOUNT] == {*ACCOUNT, 20404}
    assert treated[Treatment.LATER] == set(LATER)


def test_routes_are_a_country_or_the_whole_sender() -> None:
    assert {code for code, (meaning, _) in ERRORS.items() if meaning is FailureScope.ROUTE} == {21408, 21612}
    assert sorted(code for code, (meaning, _) in ERRORS.items() if meaning is FailureScope.SENDER) == OUR_SENDER
    assert [retry_of(code) for code in (21408, *OUR_SENDER)] == [None] * 8


def test_nothing_more_goes_after_what_is_for_good_or_unknown() -> None:
    for code in (21211, 21610, 30005, 30007, 63016, 63049, 99999, None):
        assert retry_of(code) is None
    unknown = status_event("SM1", "undelivered", 99999, NOON, None, raw={})
    assert (unknown.kind, unknown.scope, unknown.code) == (EventKind.FAILED, FailureScope.MESSAGE, "99999")
    assert [is_known(code) for code in ("99999", "30003", "canceled", "invalid_number")] == [False, True, True, True]


def test_a_provider_without_a_table_of_codes_has_no_unknown_ones() -> None:
    assert is_known_code("smtp", "550 5.1.1")
    assert is_known_code("recorder", "anything")
    assert not is_known_code("twilio", "99999")


def test_a_withdrawn_template_halts_the_template_and_not_the_account() -> None:
    withdrawn = {code: template_of(code) for code in (63040, 63041, 63042)}
    assert list(withdrawn.values()) == [
        TemplateApproval.REJECTED, TemplateApproval.PAUSED, TemplateApproval.DISABLED,
    ]  # fmt: skip
    for code in withdrawn:
        assert (ERRORS[code][0], scope_of(code)) == (Treatment.TEMPLATE, FailureScope.MESSAGE)
        event = status_event("SM1", "failed", code, NOON, None, raw={})
        assert event.template is template_of(code)
        assert event.retry is not None


def test_mail_that_mailgun_rejects_for_the_accounts_sake_is_kept_and_holds_the_domain() -> None:
    item = {"id": "a", "timestamp": NOON.timestamp(), "event": "rejected"}
    refused = provider_event(
        "mail.example", item | {"reject": {"reason": "Free accounts are for test purposes only", "description": ""}}
    )
    assert (refused.scope, refused.retry is not None, refused.reason) == (FailureScope.SENDER, True, "rejected")
    other = provider_event("mail.example", item | {"reject": {"reason": "Contains a virus"}})
    assert (other.scope, other.retry) == (FailureScope.MESSAGE, None)
    assert [is_known_code("mailgun", code) for code in ("550", "generic", "suppress-bounce", "quarantine")] == [
        True, True, True, False,
    ]  # fmt: skip


def test_pictures_that_do_not_get_through_hold_no_texts_without() -> None:
    """21612 is a country that the sender does not reach; of a message with pictures (MM…), perhaps only by MMS."""
    told = {kind: status_event(f"{kind}{'0' * 32}", "failed", 21612, NOON, None, raw={}).scope for kind in ("SM", "MM")}
    assert told == {"SM": FailureScope.ROUTE, "MM": FailureScope.MESSAGE}
    with stub() as it:
        it.answer = lambda _request: Answer(400, twilio_error(400, 21612))
        messenger = TwilioMessenger(twilio_settings(it.url), PATIENT)
        for hand_over in (messenger.send, lambda message: carry(messenger, [message])[0]):
            scopes = [getattr(hand_over(text_message(media_urls=urls)), "scope", None) for urls in ((), (PICTURE,))]
            assert scopes == [FailureScope.ROUTE, FailureScope.MESSAGE]
