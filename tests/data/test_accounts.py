"""An account file brought into the ledger: once, and again, and changed."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from data.account_texts import SequencePart, StepPart, TemplatePart
from data.ledger import tables as t
from data.ledger.accounts import AccountChangeRefused, the_account
from data.ledger.logos import read_logo
from data.ledger.messages import read_first_ask
from data.ledger.pictures import KeptPicture
from data.ledger.store import Ledger
from data.words import Channel, InvitationStatus, JobKind, PageMode, Source, TemplateApproval, TemplateCategory
from tests.data.accounts import NOW, applied, sample
from tests.world import insert


def counts(ledger: Ledger) -> dict[str, int]:
    with ledger.read() as c:
        return {
            table.name: c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in t.metadata.sorted_tables
        }


@pytest.mark.one_database
def test_a_ledger_without_an_account_says_which_command_makes_one(ledger: Ledger) -> None:
    with ledger.read() as c, pytest.raises(LookupError, match="afterword init"):
        the_account(c)


def test_the_first_time_everything_is_created_and_told(ledger: Ledger) -> None:
    changes = applied(ledger, sample())
    assert 'Created account "Harbor & Pine Dental"' in changes
    assert 'Created location "chicago"' in changes
    made = counts(ledger)
    assert (made["locations"], made["users"], made["platforms"], made["templates"]) == (3, 5, 9, 5)
    assert (made["sequences"], made["sequence_steps"], made["policies"]) == (2, 5, 1)
    assert made["audit"] == len(changes)
    with ledger.read() as c:
        assert the_account(c).slug == "harbor-and-pine"
        enabled = c.execute(sa.select(t.channels.c.channel).where(t.channels.c.is_enabled).distinct()).scalars()
        assert set(enabled) == set(Channel)


@pytest.mark.one_database
def test_the_second_time_nothing_changes(ledger: Ledger) -> None:
    applied(ledger, sample())
    before = counts(ledger)
    assert applied(ledger, sample(), now=NOW + timedelta(hours=1)) == []
    assert counts(ledger) == before


def test_only_what_differs_is_written_and_told_and_audited(ledger: Ledger) -> None:
    applied(ledger, sample())
    file = sample()
    boston = file.locations[0].model_copy(update={"color": "#112233"})
    file = file.model_copy(update={"locations": [boston, *file.locations[1:]]})
    before = counts(ledger)
    assert applied(ledger, file) == ['Changed location "boston": color from #0F766E to #112233']
    # What is queued was planned by the settings of before.
    assert counts(ledger) == before | {"audit": before["audit"] + 1, "jobs": before["jobs"] + 1}
    with ledger.read() as c:
        assert c.execute(sa.select(t.jobs.c.kind)).scalars().all() == [JobKind.PLAN]
        audited = c.execute(sa.select(t.audit).order_by(t.audit.c.audit_id.desc())).first()
    assert audited is not None
    assert (audited.before, audited.after) == ({"color": "#0F766E"}, {"color": "#112233"})


def test_a_changed_text_is_a_new_version_and_the_old_one_stays(ledger: Ledger) -> None:
    applied(ledger, sample())
    file = sample()
    first = file.templates[0].model_copy(update={"body": "Hello {{ first_name }}! {{ link }}"})
    file = file.model_copy(update={"templates": [first, *file.templates[1:]]})
    assert applied(ledger, file) == ['Created template "first-ask" for sms (en), version 2']
    with ledger.read() as c:
        rows = c.execute(
            sa.select(t.templates.c.version, t.templates.c.body)
            .where(t.templates.c.slug == "first-ask", t.templates.c.channel == Channel.SMS)
            .order_by(t.templates.c.version)
        ).all()
    assert [row.version for row in rows] == [1, 2]
    assert "How was your visit" in rows[0].body


def sequence_ids(ledger: Ledger) -> dict[str, int]:
    with ledger.read() as c:
        return {row.slug: row.sequence_id for row in c.execute(sa.select(t.locations))}


@pytest.mark.slow
def test_a_changed_sequence_is_a_new_version_for_the_locations_that_name_it(ledger: Ledger) -> None:
    applied(ledger, sample())
    before = sequence_ids(ledger)
    assert before["boston"] == before["chicago"] != before["los-angeles"]
    file = sample()
    default, other = file.sequences
    shorter = default.model_copy(update={"steps": default.steps[:2]})
    file = file.model_copy(update={"sequences": [shorter, other]})
    assert applied(ledger, file) == [
        'Created sequence "default", version 2',
        'Changed location "boston": sequence from "default" version 1 to "default" version 2',
        'Changed location "chicago": sequence from "default" version 1 to "default" version 2',
    ]
    after = sequence_ids(ledger)
    assert after["los-angeles"] == before["los-angeles"]
    assert after["boston"] not in before.values()
    assert applied(ledger, file) == []


@pytest.mark.one_database
@pytest.mark.slow
def test_an_invitation_under_way_keeps_its_sequence(ledger: Ledger) -> None:
    applied(ledger, sample())
    with ledger.write() as c:
        place = c.execute(sa.select(t.locations).where(t.locations.c.slug == "boston")).one()
        person = insert(c, t.people, account_id=place.account_id)
        customer = insert(
            c, t.customers, account_id=place.account_id, location_id=place.location_id, person_id=person,
            email="ana@example.com", source=Source.CSV,
        )  # fmt: skip
        policy_id = c.execute(sa.select(t.policies.c.policy_id)).scalar_one()
        insert(
            c, t.invitations, account_id=place.account_id, location_id=place.location_id, customer_id=customer,
            person_id=person, sequence_id=place.sequence_id, policy_id=policy_id, status=InvitationStatus.ACTIVE,
            started_at=NOW,
        )  # fmt: skip
    boston = sample().locations[0].model_copy(update={"sequence": "one-reminder"})
    file = sample().model_copy(update={"locations": [boston, *sample().locations[1:]]})
    assert applied(ledger, file) == [
        'Changed location "boston": sequence from "default" version 1 to "one-reminder" version 1'
    ]
    with ledger.read() as c:
        assert c.execute(sa.select(t.invitations.c.sequence_id)).scalar_one() == place.sequence_id


@pytest.mark.one_database
def test_a_message_to_try_out_says_what_the_first_location_asks_first(ledger: Ledger) -> None:
    file = sample()
    own = StepPart(delay="immediately", channels=[Channel.EMAIL], template="reminder")
    sequences = [SequencePart(slug="own", steps=[own]), *file.sequences]
    boston = file.locations[0].model_copy(update={"sequence": "own"})
    applied(ledger, file.model_copy(update={"sequences": sequences, "locations": [boston, *file.locations[1:]]}))
    with ledger.read() as c:
        by_mail, by_text = read_first_ask(c, Channel.EMAIL), read_first_ask(c, Channel.SMS)
    assert by_mail is not None
    assert by_mail.subject == "A minute for {{ location }}?"
    assert by_text is not None  # its own sequence has none, so another's


@pytest.mark.one_database
def test_a_step_keeps_its_time_of_day_and_a_location_its_limit(ledger: Ledger) -> None:
    applied(ledger, sample())
    with ledger.read() as c:
        at = set(c.execute(sa.select(t.sequence_steps.c.at_minute, t.sequence_steps.c.step)).all())
        limits = {row.slug: row.invitations_per_cycle for row in c.execute(sa.select(t.locations))}
    assert (600, 1) in at
    assert (None, 0) in at
    assert limits == {"boston": None, "chicago": None, "los-angeles": 200}


@pytest.mark.slow
def test_a_new_whatsapp_text_waits_for_meta_and_an_unchanged_one_keeps_its_approval(ledger: Ledger) -> None:
    applied(ledger, sample())
    text = TemplatePart(
        slug="first_ask", channel=Channel.WHATSAPP, body="How was it? {{ link }}", content_sid="HX" + "0" * 32
    )
    file = sample()
    file = file.model_copy(update={"templates": [*file.templates, text]})
    assert applied(ledger, file) == ['Created template "first_ask" for whatsapp (en), version 1']
    whatsapp = sa.select(t.templates).where(t.templates.c.slug == "first_ask").order_by(t.templates.c.version)
    with ledger.write() as c:
        row = c.execute(whatsapp).one()
        assert (row.provider_template_id, row.category) == ("HX" + "0" * 32, TemplateCategory.MARKETING)
        assert row.approval is TemplateApproval.UNSUBMITTED
        c.execute(t.templates.update().where(t.templates.c.template_id == row.template_id).values(approval="approved"))
    assert applied(ledger, file) == []
    text = text.model_copy(update={"content_sid": "HX" + "1" * 32})
    file = file.model_copy(update={"templates": [*sample().templates, text]})
    assert applied(ledger, file) == ['Created template "first_ask" for whatsapp (en), version 2']
    with ledger.read() as c:
        assert [row.approval.value for row in c.execute(whatsapp)] == ["approved", "unsubmitted"]


def test_what_submitting_and_meta_write_is_no_change_of_the_file_but_another_category_is(ledger: Ledger) -> None:
    applied(ledger, sample())
    whatsapp = t.templates.c.channel == Channel.WHATSAPP
    with ledger.write() as c:
        c.execute(t.templates.update().where(whatsapp).values(
            provider_template_id="HX" + "2" * 32, approval="approved", category=TemplateCategory.MARKETING
        ))  # fmt: skip
    assert applied(ledger, sample()) == []
    texts = [
        text.model_copy(update={"category": TemplateCategory.MARKETING}) if text.channel is Channel.WHATSAPP else text
        for text in sample().templates
    ]
    said = applied(ledger, sample().model_copy(update={"templates": texts}))
    assert said == ['Created template "first-ask" for whatsapp (en), version 2']
    with ledger.read() as c:
        ids = c.scalars(sa.select(t.templates.c.provider_template_id).where(whatsapp).order_by(t.templates.c.version))
        assert ids.all() == ["HX" + "2" * 32, None]


@pytest.mark.one_database
@pytest.mark.slow
def test_a_dry_run_says_the_same_and_writes_nothing(ledger: Ledger) -> None:
    tried = applied(ledger, sample(), dry_run=True)
    assert sum(counts(ledger).values()) == 1  # the system's own row
    assert applied(ledger, sample()) == tried


def test_a_platform_taken_out_of_the_file_is_no_longer_shown(ledger: Ledger) -> None:
    applied(ledger, sample())
    file = sample()
    boston = file.locations[0].model_copy(update={"platforms": file.locations[0].platforms[:2]})
    file = file.model_copy(update={"locations": [boston, *file.locations[1:]]})
    assert applied(ledger, file) == ['Changed platform "trustpilot" of "boston": is_visible from yes to no']


def test_what_a_locations_page_asks_and_its_language_are_the_files(ledger: Ledger) -> None:
    applied(ledger, sample())
    file = sample(link_days=30)
    new = {"page": PageMode.DIRECT, "page_platform": "trustpilot", "language": "es"}
    file = file.model_copy(update={"locations": [file.locations[0].model_copy(update=new), *file.locations[1:]]})
    told = "page_platform from nothing to trustpilot, language from en to es, page_mode from score to direct"
    assert applied(ledger, file) == [
        'Changed account "Harbor & Pine Dental": link_days from 180 to 30',
        f'Changed location "boston": {told}',
    ]
    assert applied(ledger, file) == []


@pytest.mark.slow
def test_a_logo_is_kept_replaced_and_taken_away_with_the_file(ledger: Ledger) -> None:
    red, blue = (KeptPicture("image/png", 2, 1, content) for content in (b"red", b"blue"))
    created = applied(ledger, sample(), logos={"boston": red})
    assert 'Created logo of "boston"' in created
    assert applied(ledger, sample(), logos={"boston": red}) == []
    [changed] = applied(ledger, sample(), logos={"boston": blue})
    assert changed.startswith('Changed logo of "boston": picture from ')
    with ledger.read() as c:
        digest = c.execute(sa.select(t.logos.c.sha256)).scalar_one()
        assert read_logo(c, digest) == ("image/png", b"blue")
        assert read_logo(c, "0" * 64) is None
    [removed] = applied(ledger, sample())
    assert removed.startswith('Removed logo of "boston"')
    assert applied(ledger, sample()) == []


def test_a_user_moved_to_other_locations_sees_those(ledger: Ledger) -> None:
    applied(ledger, sample())
    file = sample()
    users = [
        user.model_copy(update={"locations": ["chicago"]}) if user.name == "Tomás Rivera" else user
        for user in file.users
    ]
    [change] = applied(ledger, file.model_copy(update={"users": users}))
    assert "locations from los-angeles to chicago" in change


@pytest.mark.one_database
def test_a_file_of_another_account_is_refused(ledger: Ledger) -> None:
    applied(ledger, sample())
    with pytest.raises(AccountChangeRefused, match="harbor-and-pine"):
        applied(ledger, sample(slug="other"))


def with_cycle(ledger: Ledger, *, allowance: int, used: int) -> None:
    with ledger.write() as c:
        c.execute(
            t.quota_cycles.insert().values(
                account_id=the_account(c).account_id,
                cycle_start_date=date(2026, 11, 1),
                cycle_end_date=date(2026, 12, 1),
                allowance=allowance,
                used=used,
            )
        )


def allowance(ledger: Ledger) -> int:
    with ledger.read() as c:
        return int(c.execute(sa.select(t.quota_cycles.c.allowance)).scalar_one())


def test_a_bigger_plan_counts_in_the_cycle_that_runs_and_boosts_stay(ledger: Ledger) -> None:
    applied(ledger, sample())
    with_cycle(ledger, allowance=500, used=100)  # 450 of the plan and a boost of 50
    changes = applied(ledger, sample(invitations_per_cycle=600))
    assert allowance(ledger) == 650
    assert any("allowance from 500 to 650" in change for change in changes)


def test_a_plan_below_what_is_used_is_refused_in_words_and_nothing_is_written(ledger: Ledger) -> None:
    applied(ledger, sample())
    with_cycle(ledger, allowance=450, used=300)
    before = counts(ledger)
    with pytest.raises(AccountChangeRefused, match="300 invitations of this cycle are used"):
        applied(ledger, sample(invitations_per_cycle=200, name="Another name"))
    assert counts(ledger) == before
    assert allowance(ledger) == 450
