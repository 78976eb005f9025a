"""Settings that are sound each by itself and cannot be lived up to together: refused, each with its reason."""

import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from data.account_file import AccountFile, AccountFileError
from invitations.policy import Policy, PolicyRefused
from invitations.settings_check import check, load_settings
from tests.data.accounts import SAMPLE

Document = dict[str, Any]
Change = Callable[[Document], Any]

TRUSTPILOT = {"slug": "tp", "name": "Our reviews", "url": "https://uk.trustpilot.com/evaluate/acme"}
WHATSAPP = {
    "slug": "first_ask", "channel": "whatsapp", "body": "How was your visit? Tell us at {{ link }} please.",
    "category": "marketing",
}  # fmt: skip


def faults(*changes: Change) -> list[str]:
    """What `check` says of the sample after `changes`."""
    document = tomllib.loads(SAMPLE.read_text(encoding="utf-8"))
    for change in changes:
        change(document)
    file = AccountFile.model_validate(document)
    return check(file, Policy.load(file.policy.document()))


def policy(**values: Any) -> Change:
    return lambda document: document["policy"].update(values)


def hours(**values: Any) -> Change:
    return lambda document: document["policy"]["quiet_hours"].update(values)


def boston(**values: Any) -> Change:
    return lambda document: document["locations"][0].update(values)


def follow_up(number: int, **values: Any) -> Change:
    return lambda document: document["sequences"][0]["steps"][number].update(values)


def at(time: str) -> Change:
    return lambda document: document["sequences"][1]["steps"][1].update(at=time)


def by_whatsapp_only(document: Document) -> None:
    document["templates"].append(dict(WHATSAPP))
    document["locations"][0]["channels"] = ["whatsapp", "email"]
    document["locations"][0]["sequence"] = "chat"
    document["sequences"].append(
        {"slug": "chat", "steps": [{"delay": "immediately", "channels": ["whatsapp"], "template": "first_ask"}]}
    )


def whatsapp(body: str) -> Change:
    return lambda document: document["templates"].append({**WHATSAPP, "body": body})


def platform(**values: str) -> Change:
    return lambda document: document["locations"][0]["platforms"].append(
        {"slug": "other", "name": "Other", "url": "https://other.example.com/x"} | values
    )


def text(body: str) -> Change:
    return lambda document: document["templates"][0].update(body=f"{body} {{{{ link }}}}")


def test_the_sample_can_be_lived_up_to() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (hours(opens="20:00", closes="22:00"), ["stricter hours of US-CT for sms", "no minute in common"]),
        (hours(opens="08:00", closes="12:00", weekdays=["sun"]), ["stricter hours of US-TX for sms"]),
        (hours(opens="11:00"), ['no. 2 of "one-reminder", key at: found "10:00"', "quiet_hours"]),
        (policy(cap_days=7), ["key cap_days: found 7", '"default" takes up to 7 days', "at least 8"]),
        (policy(cap_days=0, invite_again_after_days=5), ["key invite_again_after_days: found 5", "at least 8"]),
        (follow_up(2, delay="6 days", at="10:00"), []),
        (policy(cap_days=1, invite_again_after_days=0), ['"one-reminder" takes up to 3 days', "at least 4"]),
        (boston(channels=["sms"]), ['"boston": step no. 2 of its sequence "default" goes by email', "switched off"]),
        (boston(channels=[]), ['"boston": step no. 1', "goes by sms, email"]),
        (by_whatsapp_only, ['"boston": step no. 1', "no marketing templates to +1 numbers", "add sms or email"]),
        (
            whatsapp("{{ first_name }}, how was it? {{ link }}"),
            ['"first_ask" for whatsapp (en), key body: it begins with', "{{ first_name or 'there' }}"],
        ),
        (whatsapp("{% if service %}Hi{% endif %} {{ link }}"), ["write words and values only"]),
        (platform(slug="yelp"), ['"yelp" of "boston": Yelp forbids asking', "take it out"]),
        (platform(url="https://www.yelp.co.uk/biz/acme"), ["Yelp forbids asking"]),
        (platform(name="YELP"), ["Yelp forbids asking"]),
        (boston(platforms=[TRUSTPILOT]), ['"boston", key page: found "score"', "Trustpilot is the only", '"direct"']),
        (boston(platforms=[TRUSTPILOT], page="stars"), ['key page: found "stars"', 'page_platform = "tp"']),
        (boston(platforms=[TRUSTPILOT], page="direct", page_platform="tp"), []),
        (text("0 to 3: {{ link }}?score=0 {{ link }}?score=3"), ["?score= along, missing: 1, 2, 4", "unknown: none"]),
        (text("Good: {{ link }}?stars=5 or {{ link }}?stars=6"), ["missing: 1, 2, 3, 4, unknown: 6"]),
        (text(" ".join(f"{{{{ link }}}}?score={score}" for score in range(11))), []),
        (text("Please leave us 5 stars:"), ['"first-ask" for sms (en): found "5 stars"', "number of stars"]),
        (text("A five-star review? ⭐"), ['found "five-star"']),
        (text("A $10 gift card for your review:"), ['found "gift card"', "offers something"]),
        (text("Get 10% off your next visit"), ['found "10% off"']),
        (text("If you're happy with your visit, tell us"), ["asks only those who are pleased"]),
        (text("If you loved it, say so"), ["asks only those who are pleased"]),
        (text("Not happy? Call us first."), ["asks only those who are pleased"]),
        (text("Leave us a great review"), ["a good review instead of an honest one"]),
        (text("Über 5 Sterne freuen wir uns"), ['found "5 Sterne"']),
    ],
)
def test_what_cannot_be_lived_up_to_is_refused_with_the_reason(change: Change, told: list[str]) -> None:
    found = "\n".join(faults(change))
    assert bool(found) == bool(told)
    for part in told:
        assert part in found


@pytest.mark.parametrize(
    "changes",
    [
        (policy(cap_days=8),),
        (policy(cap_days=0, invite_again_after_days=0),),
        (hours(opens="17:00", closes="02:00"), at("01:00")),
        (boston(channels=["email"]),),
        (by_whatsapp_only, lambda document: document["templates"][-1].update(category="utility")),
        # Hours that only other countries' rules narrow to nothing are those recipients' verdict, not a fault.
        (hours(opens="21:00", closes="23:00"), policy(stricter_hours=[{
            "region": "FR", "opens": "08:00", "closes": "20:00", "source": "a test", "read_on": "2026-11-20"}]),
         at("22:30")),
        (text("We won't keep you: a minute for a review? Good or bad, we read it all."),),
        (text("If you have a good minute, tell us how happy or unhappy you were"),),
        (text("The whole team wants to know what you liked and what you did not"),),
    ],
)  # fmt: skip
def test_what_can_be_lived_up_to_is_taken(changes: tuple[Change, ...]) -> None:
    assert faults(*changes) == []


def test_a_file_is_refused_with_its_name_and_every_fault_at_once(tmp_path: Any) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(
        SAMPLE.read_text(encoding="utf-8")
        .replace("cap_days = 90", "cap_days = 5")
        .replace("How was your visit? {{ link }}", "5 stars? {{ link }}"),
        encoding="utf-8",
    )
    with pytest.raises(AccountFileError) as caught:
        load_settings(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith("ours.toml: ") for line in lines)
    path.write_text(SAMPLE.read_text(encoding="utf-8").replace("cap_days = 90", "cap_days = 181"), encoding="utf-8")
    with pytest.raises(PolicyRefused, match=r"ours\.toml: \[policy\] invite_again_after_days is 180"):
        load_settings(path)
