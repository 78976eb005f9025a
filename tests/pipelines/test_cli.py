"""The command line: what it prints, and the code it ends with."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image

from data.ledger.store import Ledger
from data.ledger.tables import customers, system
from data.words import Channel, RequestStatus
from pipelines.cli import COMMANDS
from tests.pipelines.commands import REAL_TWILIO, Run
from tests.world import NOON, make_customer, make_request, make_world

ACCOUNT = Path(__file__).parents[2] / "data" / "samples" / "account.toml"


def test_every_command_of_the_issue_is_there(run: Run) -> None:
    expected = "demo up init boost import do-not-contact past-invitations plan send events resolve why ask halt resume"
    assert not {*expected.split(), "pause", "doctor", "suppressions"} - set(COMMANDS)
    assert run("--help").code == 0


@pytest.mark.parametrize("command", ["plan", "send", "events", "resolve", "halt", "resume"])
def test_without_a_ledger_the_command_that_makes_one_is_named(run: Run, command: str) -> None:
    result = run(command)
    assert result.code == 2
    assert "Run `afterword init FILE`" in result.errors


@pytest.mark.slow
def test_init_twice_changes_only_what_differs(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "account.toml"
    file.write_text(ACCOUNT.read_text().replace('slug = "boston"', 'slug = "boston"\nlogo = "logo.png"', 1))
    Image.new("RGB", (90, 30), (0, 90, 80)).save(tmp_path / "logo.png")
    first = run("init", str(file))
    assert first.code == 0, first.errors
    assert "Created account" in first.output
    assert 'Created logo of "boston"' in first.output
    assert run("init", str(file)).output.strip() == "Nothing differs."


def test_a_broken_account_file_is_told_by_table_and_key(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "account.toml"
    broken.write_text(ACCOUNT.read_text().replace("cycle_anchor_day = 1 ", "cycle_anchor_day = 42 "))
    result = run("init", str(broken))
    assert result.code == 2
    assert "cycle_anchor_day" in result.errors
    assert "Traceback" not in result.errors


def test_a_missing_file_is_wrong_use(run: Run) -> None:
    assert run("init", "nowhere.toml").code == 2
    assert run("import", "nowhere.csv", "--location", "chicago", "--list", "May").code == 2


def test_revoking_ends_a_customers_links_once_and_again_changes_nothing(run: Run, ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="ana@example.com")
    make_request(ledger, world, customer, channel=Channel.EMAIL, status=RequestStatus.SENT, handed_at=NOON)
    assert run("revoke", "nobody@example.com").code == 1
    first = run("revoke", "ana@example.com")
    assert (first.code, first.output.strip()) == (
        0, "1 link leads nowhere any more. Unsubscribing by them still works.",
    )  # fmt: skip
    assert run("revoke", "ana@example.com").code == 0


@pytest.mark.slow
def test_importing_twice_makes_no_second_customer(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    file = tmp_path / "may.csv"
    file.write_text("first name,email\nAna,ana@example.com\nBo,not an address\n")
    arguments = ("import", str(file), "--location", "chicago", "--list", "May")
    assert json.loads(run(*arguments, "--dry-run", "--json").output)["new"] == 1
    report = json.loads(run(*arguments, "--json").output)
    assert (report["rows"], report["new"], report["rejected"]) == (2, 1, 1)
    assert json.loads(run(*arguments, "--json").output)["repeat"] == 1
    told = run("import", str(file), "--location", "chicago", "--list", "June").output
    assert "not an address" in told
    assert "Rows turned away: 1" in told
    with ledger.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(customers)).scalar_one() == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--location", "paris", "--list", "May"), "paris"),
        (("--location", "chicago", "--list", "May", "--channels", "pigeon"), "pigeon"),
        (("--location", "chicago", "--list", "May", "--speed", "soon"), "soon"),
    ],
)
def test_wrong_options_are_told_in_words(
    run: Run, ledger: Ledger, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    make_world(ledger)
    file = tmp_path / "may.csv"
    file.write_text("first name,email\nAna,ana@example.com\n")
    result = run("import", str(file), *options)
    assert result.code == 2
    assert told in result.errors


def test_sending_without_a_provider_names_every_variable(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    result = run("send")
    assert result.code == 2
    for variable in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "MAILGUN_API_KEY", "AFTERWORD_SMTP_URL"):
        assert variable in result.errors


def test_up_without_credentials_says_what_is_missing_and_starts_nothing(run: Run, ledger: Ledger, home: Path) -> None:
    make_world(ledger)
    result = run("up")
    assert result.code == 2
    assert "Nothing was started" in result.errors
    assert "TWILIO_AUTH_TOKEN" in result.errors
    assert not (home / "dagster").exists()


@pytest.mark.parametrize(
    ("variable", "value"), [("AFTERWORD_NOW", "2026-11-23T18:00:00Z"), ("AFTERWORD_SETTLE_SECONDS", "5")]
)
@pytest.mark.slow
def test_a_tests_clock_is_refused_with_real_providers(run: Run, ledger: Ledger, variable: str, value: str) -> None:
    make_world(ledger)
    for command in ("plan", "send", "resolve", "events"):
        result = run(command, **REAL_TWILIO, **{variable: value})
        assert result.code == 2
        assert variable in result.errors
    assert run("plan", **{variable: value}).code == 0  # with no provider there is nobody to harm
    loopback = {**REAL_TWILIO, "AFTERWORD_TWILIO_URL": "http://127.0.0.1:9"}
    assert run("plan", **loopback, **{variable: value}).code == 0


def test_a_setting_that_cannot_be_read_is_named(run: Run) -> None:
    result = run("plan", AFTERWORD_NOW="yesterday")
    assert result.code == 2
    assert "AFTERWORD_NOW is wrong" in result.errors


def test_plan_needs_a_time_with_a_zone(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    assert run("plan", "--at", "noon").code == 2
    assert "names no zone" in run("plan", "--at", "2026-11-23T12:00:00").errors


@pytest.mark.slow
def test_plan_reports_its_counts_as_json(run: Run, ledger: Ledger) -> None:
    make_customer(ledger, make_world(ledger))
    counts = json.loads(run("plan", "--at", "2026-11-23T18:00:00Z", "--json").output)
    assert (counts["candidates"], counts["queued"]) == (1, 1)
    assert json.loads(run("plan", "--at", "2026-11-23T18:00:00Z", "--json").output)["queued"] == 0


@pytest.mark.slow
def test_why_explains_and_says_when_nobody_has_the_address(run: Run, ledger: Ledger) -> None:
    make_customer(ledger, make_world(ledger), email="ana@example.com")
    assert "Acme Chicago" in run("why", "ana@example.com").output
    assert json.loads(run("why", "ana@example.com", "--json").output)[0]["location"] == "Acme Chicago"
    assert run("why", "nobody@example.com").code == 1


def test_halt_and_resume_are_written_down(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    assert run("halt", "--reason", "a wrong text").code == 0
    with ledger.read() as connection:
        row = connection.execute(sa.select(system)).one()
    assert row.halted_at is not None
    assert row.halt_reason == "a wrong text"
    told = run("doctor")
    assert told.code == 1
    assert "halted" in told.output
    assert run("resume").code == 0


@pytest.mark.parametrize(
    ("user", "code"), [("viewer@acme.example", 1), ("owner@acme.example", 0), ("no@acme.example", 2)]
)
def test_the_command_line_has_the_rights_of_the_user_it_names(run: Run, ledger: Ledger, user: str, code: int) -> None:
    make_world(ledger)
    assert run("halt", AFTERWORD_LOCAL_USER=user).code == code


def test_resolve_reports_counts(run: Run, ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    assert json.loads(run("resolve", "--json").output)["lapsed"] == 0


def test_doctor_names_each_fault_with_its_mend(run: Run) -> None:
    faults = json.loads(run("doctor", "--json").output)
    assert {"what", "mend"} == set(faults[0])
    assert any("afterword init" in fault["mend"] for fault in faults)


@pytest.mark.slow
def test_no_log_of_a_command_holds_what_it_was_told(run: Run, ledger: Ledger, home: Path) -> None:
    make_customer(ledger, make_world(ledger), email="ana@example.com", first_name="Anastasia")
    run("plan", "--at", "2026-11-23T18:00:00Z")
    run("why", "ana@example.com")
    logged = "".join(file.read_text() for file in (home / "logs").glob("*"))
    assert "ana@example.com" not in logged
    assert "Anastasia" not in logged
