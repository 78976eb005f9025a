"""What mails about mails say: those of several servers, broken ones, and ones that are none."""

import json
from pathlib import Path

import pytest

from connectors import MailReport
from connectors.bounces import read_mail
from connectors.enhanced_codes import scope_of
from connectors.smtp_replies import Reply, refused_recipient
from data.words import EventKind, FailureScope
from tests.connectors.samples import ATTEMPT
from tests.world import NOON

BOUNCED = Path(__file__).parent / "bounced"
ANA = ("ana@example.com",)


def mail(name: str) -> bytes:
    return (BOUNCED / f"{name}.eml").read_bytes()


def only(content: bytes) -> MailReport:
    [report] = read_mail(content)
    return report


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("postfix", "550 5.1.1"), ("exim_text", "550 5.1.1"), ("exim_mime", "550 5.1.1"),
        ("office365", "550 5.1.10"), ("gmail", "550 5.1.1"), ("qmail", "550 5.1.1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_a_dead_address_is_read_from_the_bounce_of_each_server(name: str, code: str, line_end: bytes) -> None:
    report = only(mail(name).replace(b"\n", line_end))
    assert (report.attempt_ids, report.recipients) == ((ATTEMPT,), ANA)
    assert (report.kind, report.scope) == (EventKind.FAILED, FailureScope.ADDRESS)
    assert (report.code, report.reason, report.provider) == (code, "no such mailbox", "smtp")
    assert report.occurred_at is not None
    assert abs((report.occurred_at - NOON).total_seconds()) < 120
    assert b"How was your visit" in mail(name)
    assert "How was your visit" not in str(report.raw)  # the mail that came back is not kept


def test_a_warning_says_that_the_server_goes_on_trying() -> None:
    report = only(mail("postfix_delayed"))
    assert (report.kind, report.scope, report.code) == (EventKind.DELAYED, None, "4.4.1")
    assert (report.attempt_ids, report.recipients) == ((ATTEMPT,), ANA)


@pytest.mark.parametrize("action", [b"delivered", b"relayed", b"expanded"])
def test_a_success_says_what_mailguns_delivered_says(action: bytes) -> None:
    report = only(mail("postfix_success").replace(b"Action: relayed", b"Action: " + action))
    assert (report.kind, report.scope, report.attempt_ids) == (EventKind.ACCEPTED_BY_SERVER, None, (ATTEMPT,))
    assert report.code == "2.0.0"  # has one, so that the rate of complaints does not take it for Mailgun's


def test_a_complaint_is_read_though_it_hides_the_address() -> None:
    report = only(mail("complaint"))
    assert (report.kind, report.attempt_ids, report.code) == (EventKind.COMPLAINED, (ATTEMPT,), None)
    assert only(mail("complaint").replace(b"Original-Rcpt-To: <redacted@example.com>\n", b"")).recipients == ()
    for other in (b"auth-failure", b"not-spam", b"virus"):
        assert read_mail(mail("complaint").replace(b"Feedback-Type: abuse", b"Feedback-Type: " + other)) == ()


@pytest.mark.parametrize("name", ["vacation", "read_receipt"])
def test_other_mail_reports_nothing(name: str) -> None:
    assert read_mail(mail(name)) == ()


@pytest.mark.parametrize(
    ("status", "said", "scope"),
    [
        ("5.1.1", "550 5.1.1 x", FailureScope.ADDRESS), ("5.1.2", "x", FailureScope.ADDRESS),
        ("5.1.6", "551 5.1.6 x", FailureScope.ADDRESS), ("5.1.10", "x", FailureScope.ADDRESS),
        ("5.2.1", "550 5.2.1 x", FailureScope.ADDRESS), ("5.0.0", "550 no such user", FailureScope.ADDRESS),
        ("5.0.0", "550-5.1.1 x", FailureScope.ADDRESS), ("5.0.0", "550 #5.1.0 x", FailureScope.ADDRESS),
        ("5.1.8", "550 5.1.8 sender", FailureScope.MESSAGE), ("5.2.2", "552 5.2.2 full", FailureScope.MESSAGE),
        ("5.7.1", "550 5.7.1 spam", FailureScope.MESSAGE), ("5.4.4", "x", FailureScope.MESSAGE),
        ("5.0.0", "554 no", FailureScope.MESSAGE), ("5.0.0", "552 full", FailureScope.MESSAGE),
        ("5.0.0", "550 5.7.1 spam", FailureScope.MESSAGE), ("5.0.0", "x", FailureScope.MESSAGE),
        ("4.4.7", "x", FailureScope.MESSAGE), ("4.2.2", "452 4.2.2 full", FailureScope.MESSAGE),
    ],
)  # fmt: skip
def test_only_a_reason_that_is_about_the_address_is_held_against_it(
    status: str, said: str, scope: FailureScope
) -> None:
    content = mail("postfix").replace(b"Status: 5.1.1", f"Status: {status}".encode())
    start = content.index(b"Diagnostic-Code:")
    end = content.index(b"\n\n", start)
    report = only(content[:start] + f"Diagnostic-Code: smtp; {said}".encode() + content[end:])
    assert report.scope is scope
    assert report.reason
    assert len(report.code or "") <= 64
    if (found := Reply.of((int(said[:3]), said[4:].encode())) if said[:3].isdigit() else None) and found.is_permanent:
        refused = refused_recipient(found)  # what the relay would have been answered is sorted alike
        assert (getattr(refused, "scope", None) is FailureScope.ADDRESS) == (
            scope_of(found.code, found.enhanced) is FailureScope.ADDRESS
        )


def test_the_attempt_is_found_where_a_relay_wrote_its_own_message_id_over_ours() -> None:
    content = mail("postfix").replace(
        f"Message-ID: <{ATTEMPT}@acme.example>".encode(), b"Message-ID: <0100@ses.example>"
    )
    assert only(content).attempt_ids == (ATTEMPT,)


def test_the_attempt_is_found_where_nothing_is_given_back_but_the_mail_is_answered() -> None:
    content = mail("office365")
    content = content[: content.rindex(b"--6a0f3c52", 0, content.rindex(b"Content-Type: message/rfc822"))]
    assert only(content).attempt_ids == (ATTEMPT,)


def test_the_first_address_counts_beside_the_one_that_mail_was_sent_on_to() -> None:
    content = mail("postfix").replace(b"Final-Recipient: rfc822; ana@", b"Final-Recipient: rfc822; ana.ruiz@")
    assert only(content).recipients == ("ana@example.com", "ana.ruiz@example.com")


def test_a_report_beyond_ascii_is_read_group_by_group() -> None:
    content = mail("postfix").replace(b"message/delivery-status", b"message/global-delivery-status")
    content = content.replace(b"Final-Recipient: rfc822;", b"Final-Recipient: utf-8;")
    assert (only(content).recipients, only(content).scope) == (ANA, FailureScope.ADDRESS)


def test_each_recipient_is_told_apart() -> None:
    more = b"\nFinal-Recipient: rfc822; bo@example.com\nAction: delayed\nStatus: 4.2.1\n"
    reports = read_mail(
        mail("postfix").replace(b"    User unknown in virtual mailbox table\n\n--", b"    x\n" + more + b"\n--")
    )
    assert [(report.recipients, report.kind) for report in reports] == [
        (ANA, EventKind.FAILED), (("bo@example.com",), EventKind.DELAYED),
    ]  # fmt: skip


def test_an_action_that_is_left_out_is_told_by_the_status_and_an_unknown_one_is_no_report() -> None:
    assert only(mail("postfix").replace(b"Action: failed\n", b"")).kind is EventKind.FAILED
    assert read_mail(mail("postfix").replace(b"Action: failed", b"Action: pondered")) == ()


@pytest.mark.parametrize("length", [0, 1, 200, 900, 1500, 2000, 2300])
def test_a_mail_that_is_cut_anywhere_says_what_is_there_or_nothing(length: int) -> None:
    for name in ("postfix", "gmail", "complaint", "exim_text"):
        for report in read_mail(mail(name)[:length]):
            assert set(report.attempt_ids) <= {ATTEMPT}


def test_what_no_database_takes_is_not_kept() -> None:
    report = only(mail("postfix").replace(b"User unknown in", b"User \x00\xff\xfe in"))
    kept = json.dumps(report.raw, ensure_ascii=False)
    assert "\ufffd" in kept
    assert "\\u0000" not in kept
    kept.encode()
