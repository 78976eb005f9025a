"""What an account file may say, and how a fault in it is told."""

from pathlib import Path

import pytest

from data.account_file import AccountFile, AccountFileError, load_account_file
from data.account_values import delay_minutes
from data.words import Channel, Plan, Role

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "account.toml"


def changed(tmp_path: Path, old: str, new: str, count: int = 1) -> Path:
    """The sample with one thing changed."""
    text = SAMPLE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "account.toml"
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    return path


def fault(path: Path) -> str:
    with pytest.raises(AccountFileError) as caught:
        load_account_file(path)
    return str(caught.value)


def test_the_sample_is_a_sound_account() -> None:
    file = load_account_file(SAMPLE)
    assert file.account.plan is Plan.GROWTH
    assert {place.time_zone for place in file.locations} == {
        "America/New_York", "America/Chicago", "America/Los_Angeles",
    }  # fmt: skip
    assert {user.role for user in file.users} == set(Role)
    assert all(place.channels == [Channel.SMS, Channel.EMAIL] for place in file.locations)
    assert [delay_minutes(step.delay) for step in file.sequence.steps] == [0, 3 * 1440, 7 * 1440]


def test_the_sample_text_message_fits_one_segment() -> None:
    file = load_account_file(SAMPLE)
    [text] = [template.body for template in file.templates if template.channel is Channel.SMS]
    link = "https://reviews.example.com/r/" + "x" * 16
    longest = max((place.name for place in file.locations), key=len)
    sent = (
        text.replace("{{ first_name or 'there' }}", "Bartholomew").replace("{{ location }}", longest)
        .replace("{{ link }}", link)
    )  # fmt: skip
    assert "{" not in sent
    assert len(sent) <= 160
    assert "Reply STOP to opt out" in sent
    assert sent.isascii()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('plan = "growth"', 'plan = "growth"\ncolour = "red"', ["[account]", '"colour"', "not known"]),
        ('plan = "growth"', 'plan = "huge"', ['key "plan"', "'huge'", "starter"]),
        ('time_zone = "America/Chicago"', 'time_zone = "US/Nowhere"',
         ["[locations]", 'no. 2 ("chicago")', '"time_zone"', "'US/Nowhere'", "America/New_York"]),
        ('cycle_anchor_day = 1 ', 'cycle_anchor_day = 40 ', ["cycle_anchor_day", "40", "31"]),
        ('region = "US"', 'region = "USA"', ['"region"', "'USA'", "US"]),
        ('slug = "chicago"', 'slug = "boston"', ["[[locations]], key slug", '"boston" 2 times']),
        ('role = "viewer"', 'role = "boss"', ["tomas.rivera", '"role"', "'boss'", "viewer"]),
        ('locations = ["los-angeles"]', 'locations = ["paris"]', ["tomas.rivera", '"paris"', "boston"]),
        ('template = "reminder"', 'template = "remindr"', ["[[sequence.steps]] no. 2", '"remindr"', "email"]),
        ('channels = ["email"]', 'channels = ["sms"]', ["[[sequence.steps]] no. 2", "for sms"]),
        ('delay = "3 days"', 'delay = "soon"', ["'soon'", "3 days"]),
        ('delay = "3 days"', 'delay = "9 days"', ["later than the one before"]),
        ('delay = "0 minutes"', 'delay = "1 day"', ["first ask"]),
        ('opens = "08:00"', 'opens = 8', ['"opens"', "found 8"]),
        ('closes = "21:00"', '', ["[quiet_hours]", '"closes"', "needed"]),
        ('stop_when = ["scored", "platform_chosen", "review_linked"]', '', ["[policy]", '"stop_when"', "needed"]),
        ("{{ service | lower }}", "{{ rating }}", ["rating", "service"]),
        ("{{ service | lower }}", "{{ service | lower", ["body", "Jinja"]),
        ("https://facebook", "javascript:facebook", ["url", "https://"]),
        ('channels = ["sms", "email"]', 'channels = ["sms", "fax"]', ["channels", "'fax'"]),
        ('name = "Nora Lindqvist"\n', "", ["nora.lindqvist", '"name"', "needed"]),
        ("samir.haddad@harborandpine.example.com", "samir.haddad", ['"email"', "'samir.haddad'"]),
        ("[account]", "[account", ["not TOML"]),
    ],
)  # fmt: skip
def test_a_fault_names_its_table_its_key_what_was_found_and_what_was_expected(
    tmp_path: Path, old: str, new: str, told: list[str]
) -> None:
    message = fault(changed(tmp_path, old, new))
    for part in told:
        assert part in message


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = changed(tmp_path, 'region = "US"', 'region = "USA"', count=3)
    assert len(fault(path).splitlines()) == 3


def test_a_file_that_is_not_there_is_a_fault_in_words(tmp_path: Path) -> None:
    assert "no such file" in fault(tmp_path / "none.toml")


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path: Path) -> None:
    path = tmp_path / "account.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SAMPLE.read_bytes().replace(b"\n", b"\r\n"))
    assert isinstance(load_account_file(path), AccountFile)
