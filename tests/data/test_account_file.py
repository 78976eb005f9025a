"""What an account file may say, and how a fault in it is told."""

from pathlib import Path

import pytest

from data.account_file import AccountFile, AccountFileError, load_account_file
from data.words import Channel, Plan, Role, TemplateCategory

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "account.toml"


FOLLOW_UPS = "".join(
    f'[[sequences.steps]]\ndelay = "{days} days"\nchannels = ["email"]\ntemplate = "reminder"\n\n'
    for days in (8, 9, 10, 11)
)
WHATSAPP = f"""[[templates]]
slug = "first_ask"
channel = "whatsapp"
content_sid = "HX{"0a" * 16}"
category = "utility"
body = "Hi, how was it? {{{{ link }}}}"

"""


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
    by_phone_or_mail = [Channel.SMS, Channel.EMAIL]
    assert [place.channels for place in file.locations] == [
        by_phone_or_mail, by_phone_or_mail, [Channel.WHATSAPP, *by_phone_or_mail],
    ]  # fmt: skip
    assert [step.delay_minutes for step in file.sequences[0].steps] == [0, 3 * 1440, 7 * 1440]
    assert [file.sequence_of(place).slug for place in file.locations] == ["default", "default", "one-reminder"]
    assert [(step.delay_minutes, step.at_minute) for step in file.sequences[1].steps] == [(0, None), (2 * 1440, 600)]


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
        ('template = "reminder"', 'template = "remindr"', ["[[sequences.steps]] no. 2", '"remindr"', "email"]),
        ('channels = ["email"]', 'channels = ["sms"]', ["[[sequences.steps]] no. 2", "for sms"]),
        ('delay = "3 days"', 'delay = "soon"', ["'soon'", "3 days"]),
        ('delay = "3 days"', 'delay = "9 days"', ['no. 1 ("default")', "step no. 3", "later than the one before"]),
        ('delay = "3 days"', 'delay = "40 minutes"', ["step no. 2", "comes 40 minutes", "at least 1 hour"]),
        ('delay = "7 days"', 'delay = "35 days"', ["step no. 3", "at most 31 days"]),
        ('delay = "immediately"', 'delay = "40 days"', ["the first step waits", "at most 31 days"]),
        ("[[sequences]]                        #", FOLLOW_UPS + "[[sequences]]#", ["6 follow-ups", "at most 5"]),
        ('at = "10:00"', 'at = "24:00"', ["'24:00'", "10:00"]),
        ('at = "10:00"', 'at = 10', ['"at"', "found 10"]),
        ('slug = "one-reminder"', 'slug = "default"', ["[[sequences]], key slug", '"default" 2 times']),
        ('sequence = "one-reminder"', 'sequence = "none"', ['"los-angeles", key sequence', '"none"', "one-reminder"]),
        ('per_cycle = 200 ', 'per_cycle = 451 ', ['"los-angeles", key invitations_per_cycle', "451", "450"]),
        ('per_cycle = 200 ', 'per_cycle = -1 ', ['"invitations_per_cycle"', "-1"]),
        ('# effective_on = 2026-12-01', 'effective_on = "soon"', ["[policy]", '"effective_on"', "'soon'"]),
        ('[[templates]]', WHATSAPP.replace("HX", "MG") + '[[templates]]', ['"content_sid"', "'MG"]),
        ('[[templates]]', WHATSAPP.replace("Hi", "Hi" * 520) + '[[templates]]', ["1,064 characters", "1,024"]),
        ('[[templates]]', WHATSAPP.replace("utility", "spam") + '[[templates]]', ['"category"', "'spam'", "utility"]),
        ('[[templates]]', '[[templates]]\ncategory = "utility"', ["content_sid and category are for WhatsApp"]),
        ("{{ service | lower }}", "{{ rating }}", ["rating", "service"]),
        ("{{ service | lower }}", "{{ service | lower", ["body", "Jinja"]),
        ("https://facebook", "javascript:facebook", ["url", "https://"]),
        ('channels = ["sms", "email"]', 'channels = ["sms", "fax"]', ["channels", "'fax'"]),
        ('name = "Nora Lindqvist"\n', "", ["nora.lindqvist", '"name"', "needed"]),
        ("samir.haddad@harborandpine.example.com", "samir.haddad", ['"email"', "'samir.haddad'"]),
        ("[account]", "[account]\nlink_days = 0", ["[account]", '"link_days"', "found 0", "1"]),
        ('slug = "boston"', 'slug = "boston"\npage = "nps"', ['no. 1 ("boston")', '"page"', "'nps'", "score"]),
        ('slug = "boston"', 'slug = "boston"\npage = "direct"', ['("boston")', "page_platform = nothing", "google"]),
        ('slug = "boston"', 'slug = "boston"\npage = "direct"\npage_platform = "yelp"', ['page_platform = "yelp"']),
        ('slug = "boston"', 'slug = "boston"\npage_platform = "google"', ['goes with page = "direct"', "take it out"]),
        ('slug = "boston"', 'slug = "boston"\nlanguage = "xx"', ['"language"', "'xx'", "en, es"]),
        ('slug = "boston"', 'slug = "boston"\nlogo = "/etc/x.png"', ['"logo"', "'/etc/x.png'", "beside this file"]),
        ('slug = "boston"', 'slug = "boston"\nlogo = "../logo.png"', ['"logo"', "beside this file"]),
        ("[account]", "[account", ["not TOML"]),
    ],
)  # fmt: skip
def test_a_fault_names_its_table_its_key_what_was_found_and_what_was_expected(
    tmp_path: Path, old: str, new: str, told: list[str]
) -> None:
    message = fault(changed(tmp_path, old, new))
    for part in told:
        assert part in message


@pytest.mark.parametrize("head", ["[sequence]", "[sequences]"])
def test_the_old_single_sequence_is_refused_with_how_to_write_it_now(tmp_path: Path, head: str) -> None:
    path = tmp_path / "account.toml"
    before = SAMPLE.read_text(encoding="utf-8").partition("# Sequences:")[0]
    path.write_text(f'{before}{head}\nslug = "default"\n', encoding="utf-8")
    message = fault(path)
    assert "Write the head as [[sequences]]" in message
    assert "[[sequences.steps]]" in message


def test_a_whatsapp_template_names_twilios_template_and_counts_as_marketing_unless_told(tmp_path: Path) -> None:
    path = changed(tmp_path, "[[templates]]", WHATSAPP + "[[templates]]")
    [template, _the_samples] = [one for one in load_account_file(path).templates if one.channel is Channel.WHATSAPP]
    assert template.content_sid == "HX" + "0a" * 16
    assert template.category_in_force is TemplateCategory.UTILITY
    assert template.model_copy(update={"category": None}).category_in_force is TemplateCategory.MARKETING


def test_the_policy_may_be_left_out(tmp_path: Path) -> None:
    text = SAMPLE.read_text(encoding="utf-8").partition("[policy]")[0]
    path = tmp_path / "account.toml"
    path.write_text(text, encoding="utf-8")
    assert load_account_file(path).policy.document() == {}


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = changed(tmp_path, 'region = "US"', 'region = "USA"', count=3)
    assert len(fault(path).splitlines()) == 3


def test_a_file_that_is_not_there_is_a_fault_in_words(tmp_path: Path) -> None:
    assert "no such file" in fault(tmp_path / "none.toml")


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path: Path) -> None:
    path = tmp_path / "account.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SAMPLE.read_bytes().replace(b"\n", b"\r\n"))
    assert isinstance(load_account_file(path), AccountFile)
