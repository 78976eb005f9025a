"""`afterword bounces`: a mailbox by name, that of the environment, and one mail as a mail server hands it over."""

import json
import mailbox
import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from data.ledger.store import Ledger
from data.ledger.tables import attempts, requests, suppressions
from data.words import Channel, RequestStatus
from invitations.send import send_due
from pipelines.cli import command_line
from tests.connectors.samples import ATTEMPT
from tests.connectors.test_bounces import mail
from tests.pipelines.commands import Run
from tests.recorder import Recorder
from tests.world import NOON, make_customer, make_request, make_world


@pytest.fixture
def bounced(ledger: Ledger) -> bytes:
    """The bounce of a mail that a relay took."""
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world, email="ana@example.com"), channel=Channel.EMAIL)
    relay = Recorder()
    relay.name = "smtp"
    send_due(ledger, relay.messengers, now=NOON)
    with ledger.read() as c:
        attempt_id = c.execute(sa.select(attempts.c.attempt_id)).scalar_one()
    return mail("postfix").replace(ATTEMPT.encode(), attempt_id.encode())


def status(ledger: Ledger) -> RequestStatus:
    with ledger.read() as c:
        return c.execute(sa.select(requests.c.status)).scalar_one()


@pytest.mark.slow
def test_everything_at_a_path_is_read_and_again_changes_nothing(
    run: Run, ledger: Ledger, bounced: bytes, tmp_path: Path
) -> None:
    box = mailbox.mbox(tmp_path / "bounces")
    for content in (bounced, mail("vacation")):
        box.add(content)
    box.close()
    told = json.loads(run("bounces", str(tmp_path / "bounces"), "--json").output)
    assert (told["mails"], told["new"], told["no_report"]) == (2, 1, 1)
    assert status(ledger) is RequestStatus.FAILED
    told = json.loads(run("bounces", str(tmp_path / "bounces"), "--json").output)
    assert (told["new"], told["repeated"]) == (0, 1)
    with ledger.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(suppressions)).scalar_one() == 1


@pytest.mark.slow
def test_the_mailbox_of_the_environment_is_read_by_the_command_and_by_the_events_pass(
    run: Run, ledger: Ledger, bounced: bytes, tmp_path: Path
) -> None:
    mailbox.Maildir(tmp_path / "Maildir").add(bounced)
    variables = {"AFTERWORD_BOUNCES": str(tmp_path / "Maildir")}
    assert json.loads(run("events", "--json", **variables).output)["new"] == 1
    assert status(ledger) is RequestStatus.FAILED
    assert json.loads(run("bounces", "--json", **variables).output)["repeated"] == 1


@pytest.mark.slow
def test_one_mail_is_taken_as_a_server_hands_it_over(ledger: Ledger, run: Run, bounced: bytes) -> None:
    result = CliRunner().invoke(command_line(["bounces"]), ["bounces", "-", "--json"], input=bounced)
    assert (result.exit_code, json.loads(result.stdout)["new"]) == (0, 1)
    assert status(ledger) is RequestStatus.FAILED


@pytest.mark.slow
def test_a_server_is_asked_to_keep_what_could_not_be_taken(run: Run) -> None:  # there is no ledger
    result = CliRunner().invoke(command_line(["bounces"]), ["bounces", "-"], input=mail("postfix"))
    assert result.exit_code == os.EX_TEMPFAIL == 75
    assert "Run `afterword init FILE`" in " ".join(result.stderr.split())


@pytest.mark.slow
def test_what_cannot_be_read_is_said(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    unset = run("bounces")
    assert (unset.code, "AFTERWORD_BOUNCES" in unset.errors) == (2, True)
    assert run("bounces", str(tmp_path / "nowhere")).code == 2
    gone = run("bounces", AFTERWORD_BOUNCES=str(tmp_path / "nowhere"))
    assert (gone.code, "cannot be read" in gone.errors) == (1, True)
    events = run("events", AFTERWORD_BOUNCES=str(tmp_path / "nowhere"))
    assert (events.code, "the mailbox for bounces" in events.errors) == (1, True)


@pytest.mark.slow
def test_doctor_speaks_of_bounces_where_a_relay_carries_mail(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    relay = {"AFTERWORD_SMTP_URL": "smtp://127.0.0.1:9?from=reviews@acme.example"}
    assert "Bounces of the mail relay are not read" in " ".join(run("doctor", "--json", **relay).output.split())
    mailbox.Maildir(tmp_path / "Maildir")
    told = run("doctor", "--json", **relay, AFTERWORD_BOUNCES=str(tmp_path / "Maildir")).output
    assert "ounces" not in told
