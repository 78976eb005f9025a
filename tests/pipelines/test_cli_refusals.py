"""Wrong use of the command line, each refused in words and with nothing changed; and what may be told to whom."""

import errno
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.csv_file import UnreadableFile
from data.account_file import AccountFileError
from data.ledger.store import Ledger
from data.ledger.tables import requests
from data.words import RequestStatus
from invitations.events import PollFailed
from invitations.policy import PolicyRefused
from invitations.send import SendingHalted
from invitations.take_in import ImportRefused, UnknownLocation
from pipelines import doctor
from pipelines.problems import tell, tell_of_files, tell_person
from pipelines.processes import choose_port
from tests.pipelines.commands import REAL_TWILIO, Run
from tests.world import make_customer, make_request, make_world

ACCOUNT = Path(__file__).parents[2] / "data" / "samples" / "account.toml"


def free_ports() -> list[str]:
    return [word for name in ("web", "dagster", "dashboard") for word in (f"--{name}-port", str(choose_port(0)))]


@pytest.mark.parametrize("command", ["plan", "send", "events", "resolve", "halt", "resume", "doctor", "up"])
def test_asking_for_a_ledger_that_is_not_there_makes_none(run: Run, home: Path, command: str) -> None:
    assert run(command).code in {1, 2}
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("command", ["plan", "send", "resolve", "halt", "up", f"init {ACCOUNT}"])
def test_a_ledger_of_another_revision_is_left_alone(run: Run, ledger: Ledger, command: str) -> None:
    make_world(ledger)
    with ledger.write() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '0000'"))
    ports = free_ports() if command == "up" else ()
    result = run(*command.split(" "), *ports, **REAL_TWILIO, AFTERWORD_TWILIO_URL="http://127.0.0.1:9")
    assert result.code == 2, result.errors
    assert "The ledger is at revision 0000" in result.errors


@pytest.mark.parametrize("address", ["nonsense", "mysql://me:hush@127.0.0.1/x", "postgresql://me:hush@127.0.0.1:x/y"])
def test_a_ledger_address_that_cannot_be_meant_is_named_without_its_password(run: Run, address: str) -> None:
    for command in (("plan",), ("init", str(ACCOUNT)), ("up",)):
        result = run(*command, AFTERWORD_LEDGER_URL=address)
        assert result.code == 2
        assert "AFTERWORD_LEDGER_URL" in result.errors
        assert "hush" not in result.errors
    told = run("doctor", "--json", AFTERWORD_LEDGER_URL=address)
    assert told.code == 1
    assert any("AFTERWORD_LEDGER_URL" in fault["what"] for fault in json.loads(told.output))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AFTERWORD_TICK_SECONDS", "often"), ("AFTERWORD_NIGHTLY_ZONE", "Mars/Olympus"), ("AFTERWORD_PARALLEL", "0"),
        ("AFTERWORD_SMS_PER_SECOND", "few"), ("AFTERWORD_SENDING_DAY_ZONE", "Mars/Olympus"),
        ("AFTERWORD_METRICS_TOKEN", "short"), ("AFTERWORD_HOOK_SECRET", "short"), ("AFTERWORD_PROXIES", "here"),
    ],
)  # fmt: skip
def test_what_a_run_or_web_could_not_read_is_refused_before_anything_starts(
    run: Run, ledger: Ledger, variable: str, value: str
) -> None:
    make_world(ledger)
    result = run("up", **{variable: value})
    assert result.code == 2
    assert variable in result.errors
    told = run("doctor", "--json", **{variable: value}).output
    assert variable in told
    assert f"{variable}_" not in told  # it is the variable's name and nothing else


def test_doctor_names_a_relay_that_cannot_be_read_once_and_what_else_is_wrong(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    told = run("doctor", "--json", AFTERWORD_SMTP_URL="smtp:garbage", AFTERWORD_PUBLIC_URL="http://reviews.example")
    assert told.code == 1
    found = [fault["what"] for fault in json.loads(told.output)]
    assert found.count("AFTERWORD_SMTP_URL names no relay.") == 1
    assert "AFTERWORD_PUBLIC_URL is not https: links in messages would be sent in the open." in found
    assert "No connection for sms" in found


def test_up_names_a_local_user_that_the_account_does_not_have(run: Run, ledger: Ledger, home: Path) -> None:
    make_world(ledger)
    loopback = {**REAL_TWILIO, "AFTERWORD_TWILIO_URL": "http://127.0.0.1:9"}
    result = run("up", *free_ports(), **loopback,
                 AFTERWORD_LOCAL_USER="no@acme.example")  # fmt: skip
    assert result.code == 2
    assert "AFTERWORD_LOCAL_USER names nobody" in result.errors
    told = json.loads(run("doctor", "--json", AFTERWORD_LOCAL_USER="no@acme.example").output)
    assert "AFTERWORD_LOCAL_USER names nobody of this account." in [fault["what"] for fault in told]
    assert not (home / "dagster").exists()


@pytest.mark.parametrize("contact", ["hello", "12345", "@", "ana@", "+1", ""])
def test_a_test_message_goes_to_no_nonsense(run: Run, ledger: Ledger, contact: str) -> None:
    make_world(ledger)
    result = run("send", "--test-to", contact, **REAL_TWILIO, AFTERWORD_TWILIO_URL="http://127.0.0.1:9")
    assert result.code == 2
    assert "neither an email address nor a phone number" in result.errors.replace("│ ", "")


def test_a_test_message_that_did_not_go_ends_with_one(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    result = run("send", "--test-to", "(312) 555-0100", "--json", **REAL_TWILIO,
                 AFTERWORD_TWILIO_URL=f"http://127.0.0.1:{choose_port(0)}")  # fmt: skip
    assert result.code == 1, result.errors
    assert json.loads(result.output)["outcome"] == "TemporaryFailure"


def test_halting_twice_and_resuming_twice_leave_things_as_they_stand(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    told = [run(word, "--json") for word in ("halt", "halt", "resume", "resume")]
    assert [result.code for result in told] == [0, 0, 0, 0]
    assert [json.loads(result.output)["done"] for result in told] == [True, False, True, False]
    assert run("resume", AFTERWORD_LOCAL_USER="viewer@acme.example").code == 1


def test_sending_while_halted_says_so_and_sends_nothing(run: Run, ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    run("halt")
    result = run("send", **REAL_TWILIO, AFTERWORD_TWILIO_URL="http://127.0.0.1:9")
    assert result.code == 1
    assert "Sending is halted" in result.errors
    with ledger.read() as connection:
        assert connection.execute(sa.select(requests.c.status)).scalar_one() is RequestStatus.QUEUED


@pytest.mark.parametrize("arguments", [("send",), ("send", "--test-to", "+13125550199"), ("plan",)])
def test_whoever_may_not_send_sends_and_queues_nothing_at_the_terminal_either(
    run: Run, ledger: Ledger, arguments: tuple[str, ...]
) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    provider = {**REAL_TWILIO, "AFTERWORD_TWILIO_URL": "http://127.0.0.1:9"}
    result = run(*arguments, **provider, AFTERWORD_LOCAL_USER="viewer@acme.example")
    assert (result.code, "The Viewer role cannot" in result.errors) == (1, True)
    with ledger.read() as connection:
        assert connection.execute(sa.select(requests.c.attempt_count)).scalar_one() == 0


def test_sending_when_nothing_is_due_says_so(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    result = run("send", **REAL_TWILIO, AFTERWORD_TWILIO_URL="http://127.0.0.1:9")
    assert (result.code, "nothing was due" in result.output) == (0, True)


def test_why_about_nobody_says_so_in_json_too(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    result = run("why", "nobody@example.com", "--json")
    assert (result.code, json.loads(result.output)) == (1, [])


def test_doctor_names_a_file_in_the_inbox_that_cannot_be_taken_in(run: Run, ledger: Ledger, home: Path) -> None:
    make_world(ledger)
    for place, name, content in (
        ("chicago", "May.csv", "what,is\nthis,then\n"),
        ("paris", "May.csv", "email\na@b.example\n"),
    ):
        (home / "inbox" / place).mkdir(parents=True)
        file = home / "inbox" / place / name
        file.write_text(content)
        os.utime(file, (0, 0))
    told = [fault["what"] for fault in json.loads(run("doctor", "--json").output) if "inbox" in fault["what"]]
    assert len(told) == 2
    assert told[0].startswith("chicago/May.csv")
    assert told[1].startswith("paris/May.csv")


@pytest.mark.parametrize(
    "problem",
    [
        AccountFileError("x.toml: ana@example.com"), UnreadableFile("ana@example.com"),
        UnknownLocation("ana@example.com"), ImportRefused("ana@example.com"), PolicyRefused("ana@example.com"),
    ],
)  # fmt: skip
def test_what_quotes_a_persons_input_is_for_that_person_only(problem: Exception) -> None:
    assert "ana@example.com" in tell_person(problem)
    assert "ana@example.com" not in tell(problem)


def test_what_providers_refuse_is_foreseen() -> None:
    assert tell(PollFailed("Could not be read: twilio")) == "Could not be read: twilio"
    assert tell(SendingHalted("Twilio refuses the account")) == "Twilio refuses the account"


@pytest.mark.parametrize("command", [("halt",), ("send",), ("doctor",), ("init", str(ACCOUNT))])
def test_a_damaged_ledger_is_called_one_and_not_a_fault_to_report(
    run: Run, ledger: Ledger, home: Path, command: tuple[str, ...]
) -> None:
    make_world(ledger)
    ledger.close()
    with (home / "ledger.sqlite").open("r+b") as file:
        file.truncate(20_000)
    result = run(*command)
    told = " ".join((result.errors + result.output).replace("│", " ").split())
    assert (result.code, "ledger's file is damaged" in told.replace("’", "'")) == (1, True), told


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("SQLITE_IOERR_SHMSIZE", "disk that the ledger is on is full"), ("SQLITE_CANTOPEN", "may not open or write"),
        ("SQLITE_READONLY_DIRECTORY", "may not open or write"), ("SQLITE_NOTADB", "no SQLite database at all"),
    ],
)  # fmt: skip
def test_what_keeps_sqlite_from_its_file_is_told_in_words(code: str, words: str) -> None:
    cause = sqlite3.OperationalError("what SQLite says")
    cause.sqlite_errorname = code
    assert words in tell(sa.exc.OperationalError("begin", {}, cause))


def test_doctor_names_a_public_address_that_cannot_be_read(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    told = json.loads(run("doctor", "--json", AFTERWORD_PUBLIC_URL="https://[reviews.example.com").output)
    assert told[0]["what"] == "AFTERWORD_PUBLIC_URL cannot be read."


@pytest.mark.slow
def test_doctor_finds_damage_in_what_nothing_else_of_it_reads(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    damage = "The ledger's file is damaged, or no SQLite database at all."
    assert damage not in run("doctor", "--json").output
    with sqlite3.connect(str(ledger.engine.url.database)) as file:  # two indexes on one page
        file.execute("pragma writable_schema = on")
        file.execute(
            "update sqlite_master set rootpage = (select rootpage from sqlite_master where name = 'ix_requests_due') "
            "where name = 'ix_requests_changed_at'"
        )
    file.close()
    told = run("doctor", "--json")
    assert (told.code, damage in told.output) == (1, True)


def test_a_damaged_warehouse_is_called_one_and_made_again(run: Run, ledger: Ledger, home: Path) -> None:
    make_world(ledger)
    (home / "warehouse").mkdir()
    (home / "warehouse" / "warehouse.duckdb").touch()  # as a full disk leaves it
    result = run("events")
    assert (result.code, "The warehouse is damaged" in result.errors) == (1, True), result.errors
    shutil.rmtree(home / "warehouse")
    assert run("events").code == 0


def test_a_home_that_is_no_folder_is_named_and_is_no_fault_to_report(run: Run, home: Path) -> None:
    file = home / "file"
    file.touch()
    result = run("init", str(ACCOUNT), AFTERWORD_HOME=str(file))
    assert (result.code, "Not a directory" in result.errors, "not foreseen" in result.errors) == (1, True, False)


@pytest.mark.parametrize("command", [("send",), ("doctor", "--json")])
def test_a_home_that_this_user_may_not_open_is_told_in_words(
    run: Run, ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    make_world(ledger)
    monkeypatch.setattr(Path, "exists", refuse)  # as it does; tests may run as root, who may everything
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(doctor, "_nearest", lambda _: home)
    result = run(*command)
    told = result.errors + result.output
    assert (result.code, "cannot be read" in told, "not foreseen" in told) == (1, True, False), told
    assert command == ("send",) or "No connection for sms" in told, "the other faults too"


def test_a_full_disk_is_told_in_words() -> None:
    assert "The disk is full" in str(tell_of_files(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))


def test_a_ledger_that_something_else_holds_is_told_in_words(ledger: Ledger, home: Path) -> None:
    file = home / "ledger.sqlite"
    with closing(sqlite3.connect(file)) as holder, closing(sqlite3.connect(file, timeout=0)) as waiter:
        holder.execute("begin immediate")
        with pytest.raises(sqlite3.OperationalError) as raised:
            waiter.execute("begin immediate")
    assert "Something else held the ledger" in tell(sa.exc.OperationalError("begin", {}, raised.value))
