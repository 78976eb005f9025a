"""`afterword plan --simulate`: what it prints, and that it sends and writes nothing."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from tests.pipelines.commands import Run
from tests.world import NOON, make_customer, make_world

AT = ("--at", NOON.isoformat())


def people(ledger: Ledger, count: int = 5) -> None:
    world = make_world(ledger, quota=3)
    for number in range(count):
        make_customer(ledger, world, email=f"anna{number}@example.com", phone=f"+131255501{number:02d}")


@pytest.mark.slow
def test_looking_ahead_prints_hours_quota_reasons_and_cost_and_writes_nothing(run: Run, ledger: Ledger) -> None:
    people(ledger)
    result = run("plan", "--simulate", "14d", *AT)
    assert result.code == 0, result.errors
    for said in (
        "Nothing was sent or written",
        "Mon 23 Nov",
        "The quota runs out on Mon 23 Nov, 12:00, with 2 customers waiting; it comes back on Tue 1 Dec, 00:00",
        "their next message is due later",
        "USD",
        "Nobody answers, opts out or fails",
    ):
        assert said in result.output.replace("\n", " "), said
    assert "anna" not in result.output
    with ledger.read() as c:
        for table in (t.invitations, t.requests, t.runs, t.quota_cycles):
            assert c.scalar(sa.select(sa.func.count()).select_from(table)) == 0


@pytest.mark.slow
def test_as_json_it_is_plain_values(run: Run, ledger: Ledger) -> None:
    people(ledger)
    told = json.loads(run("plan", "--simulate", "36h", *AT, "--json").output)
    assert told["messages_by_channel"] == {"sms": 3}
    assert told["hours"] == [{"day": "2026-11-23", "hour": 12, "channel": "sms", "messages": 3}]
    assert told["quota"]["runs_out"][0]["waiting"] == 2
    assert told["cost"]["currency"] == "USD"
    assert told["until"] == "2026-11-25T06:00:00+00:00"


@pytest.mark.slow
def test_two_policies_stand_side_by_side_with_their_differences(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    people(ledger)
    other = tmp_path / "evenings.toml"
    other.write_text(
        '[policy]\nconsent = []\n[policy.quiet_hours]\nopens = "18:00"\ncloses = "20:00"\nweekdays = ["tue"]\n'
    )
    arguments = ("plan", "--simulate", "6h", *AT, "--policy", str(other))
    told = json.loads(run(*arguments, "--json").output)
    assert (told["in_effect"]["messages"], told["other"]["messages"]) == (3, 0)
    assert {"what": "messages", "in_effect": 3, "other": 0} in told["differences"]
    shown = run(*arguments).output
    for said in ("Compared", "in effect", "evenings.toml", "-3"):
        assert said in shown


@pytest.mark.slow
def test_an_operators_own_prices_are_used(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    people(ledger)
    prices = tmp_path / "ours.toml"
    prices.write_text(
        'currency = "CAD"\n[[prices]]\nchannel = "sms"\ncountry = "US"\nper = "segment"\nprice = 0.5\n'
        'source = "our contract"\nread_on = 2026-11-01\n'
    )
    told = json.loads(run("plan", "--simulate", "6h", *AT, "--prices", str(prices), "--json").output)
    assert (told["cost"]["currency"], told["cost"]["total"]) == ("CAD", "1.5")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--simulate", "soon"), "'soon' is not a time to look ahead: write 14d"),
        (("--simulate", "400d"), "92d at most"),
        (("--policy", __file__), "add --simulate 14d"),
    ],
)
def test_a_time_that_cannot_be_meant_is_told_in_words(
    run: Run, ledger: Ledger, options: tuple[str, ...], told: str
) -> None:
    people(ledger, 1)
    result = run("plan", *AT, *options)
    assert result.code == 2
    assert told in result.errors.replace("│", "").replace("  ", " ")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--policy", "[policy]\ncap_dais = 3\n"), "cap_dais"),
        (("--policy", "[policy]\nonly_happy = true\n"), "review gating"),
        (("--policy", "[policy\n"), "not TOML"),
        (("--prices", "currency = 5\n"), "currency"),
    ],
)
def test_a_file_that_cannot_be_meant_is_told_in_words(
    run: Run, ledger: Ledger, tmp_path: Path, given: tuple[str, str], told: str
) -> None:
    people(ledger, 1)
    file = tmp_path / "given.toml"
    file.write_text(given[1])
    result = run("plan", "--simulate", "6h", *AT, given[0], str(file))
    assert result.code == 2
    assert told in result.errors.replace("│", "").replace("  ", " ")


@pytest.mark.slow
def test_planning_itself_is_as_before(run: Run, ledger: Ledger) -> None:
    people(ledger)
    assert json.loads(run("plan", *AT, "--json").output)["queued"] == 3
