"""Whether an account's settings can be lived up to, each by itself sound: what cannot is refused, with the reason.

Used before anything is written or simulated: by `afterword init`, by a simulation of another policy, by forms.
"""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from phonenumbers import country_code_for_region

from data.account_file import AccountFile, AccountFileError, LocationPart, load_account_file
from data.account_texts import SequencePart, StepPart, TemplatePart
from data.words import Channel, TemplateCategory
from invitations import platform_rules, whatsapp
from invitations.hours_check import closed_regions, impossible_times
from invitations.policy import Policy, PolicyRefused
from invitations.wording import faults_of

_ANSWERS = {"score": set(range(11)), "stars": set(range(1, 6))}  # that a link of a text may bring along
_DAY = 24 * 60


def load_settings(path: Path | str) -> tuple[AccountFile, Policy]:
    """Read an account's file and its policy, and check that together they can be lived up to.

    Raises AccountFileError or PolicyRefused, a line for each fault: where, what was found, what would do.
    """
    name = Path(path).name
    file = load_account_file(path)
    try:
        policy = Policy.load(file.policy.document())
    except PolicyRefused as problem:
        raise PolicyRefused(f"{name}: [policy] {problem}.") from None
    if faults := check(file, policy):
        raise AccountFileError("\n".join(f"{name}: {fault}." for fault in faults))
    return file, policy


def check(file: AccountFile, policy: Policy) -> list[str]:
    """What of `file` under `policy` cannot be satisfied, or must not be: one sentence each; [] when all can."""
    return [
        *closed_regions(file, policy),
        *chain.from_iterable(impossible_times(sequence, policy) for sequence in file.sequences),
        *chain.from_iterable(_second_asks_too_soon(sequence, policy) for sequence in file.sequences),
        *chain.from_iterable(_steps_nobody_gets(place, file) for place in file.locations),
        *chain.from_iterable(platform_rules.faults_of(place) for place in file.locations),
        *chain.from_iterable(faults_of(template) for template in file.templates),
        *chain.from_iterable(_answers_in_texts(template) for template in file.templates),
        *chain.from_iterable(_texts_meta_rejects(template) for template in file.templates),
    ]


def _second_asks_too_soon(sequence: SequencePart, policy: Policy) -> Iterator[str]:
    """Another ask must not start while the follow-ups of the one before still run. 0 is off, for both settings."""
    for name, days in (
        ("cap_days", policy.cap_days),
        ("invite_again_after_days", policy.invite_again_after_days),
    ):
        if sequence.length_minutes and 0 < days * _DAY <= sequence.length_minutes:
            least = sequence.length_minutes // _DAY + 1
            yield (
                f'[policy], key {name}: found {days}, but the sequence "{sequence.slug}" takes up to '
                f"{_days(sequence.length_minutes)}, so a second ask could start while its follow-ups still run: make "
                f"it at least {least}, or the sequence shorter"
            )


def _steps_nobody_gets(place: LocationPart, file: AccountFile) -> Iterator[str]:
    sequence = file.sequence_of(place)
    for number, step in enumerate(sequence.steps, 1):
        on = [channel for channel in step.channels if channel in place.channels]
        where = f'[[locations]] "{place.slug}"'
        if not on:
            named = ", ".join(channel.value for channel in step.channels)
            yield (
                f'{where}: step no. {number} of its sequence "{sequence.slug}" goes by {named}, and that is switched '
                "off here, so nobody would ever get it: switch it on under channels, or give the location a sequence "
                "of its own"
            )
        elif on == [Channel.WHATSAPP] and _is_refused_there(place, step, file):
            yield (
                f'{where}: step no. {number} of its sequence "{sequence.slug}" can go by WhatsApp only, and Meta '
                "delivers no marketing templates to +1 numbers: add sms or email to the step, or use a utility template"
            )


def _is_refused_there(place: LocationPart, step: StepPart, file: AccountFile) -> bool:
    """Whether the step's WhatsApp texts are all marketing and the location's own numbers begin with +1."""
    texts = [text for text in file.templates if (text.slug, text.channel) == (step.template, Channel.WHATSAPP)]
    return country_code_for_region(place.region) == 1 and all(
        text.category_in_force is TemplateCategory.MARKETING for text in texts
    )


def _texts_meta_rejects(template: TemplatePart) -> Iterator[str]:
    if template.channel is Channel.WHATSAPP:
        for fault in whatsapp.faults_of(template.body, template.language):
            yield f'[[templates]] "{template.slug}" for whatsapp ({template.language}), key body: {fault}'


def _answers_in_texts(template: TemplatePart) -> Iterator[str]:
    """A text with buttons for an answer has them all: who is offered only high ones is led."""
    for name, every in _ANSWERS.items():
        found = {int(value) for value in re.findall(rf"[?&]{name}=(\d{{1,4}})", template.body)}
        if found and found != every:
            missing = ", ".join(map(str, sorted(every - found))) or "none"
            unknown = ", ".join(map(str, sorted(found - every))) or "none"
            yield (
                f'[[templates]] "{template.slug}" for {template.channel.value} ({template.language}), key body: its '
                f"links bring ?{name}= along, missing: {missing}, unknown: {unknown}. Link every answer from "
                f"{min(every)} to {max(every)}, alike, or none"
            )


def _days(minutes: int) -> str:
    return f"{minutes / _DAY:g} days" if minutes % _DAY == 0 else f"{minutes / _DAY:.1f} days"
