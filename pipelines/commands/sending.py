"""`send` and `resolve`: what leaves, and what may have left, by hand.

Apart from the other commands, because these start each minute: they load neither planning nor imports.
"""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from connectors import Accepted, Messenger
from connectors.registry import open_messengers, open_template_desks
from connectors.transport import Unclear
from data.ledger.last_seen import regions
from data.ledger.runs import Progress, tell_duration
from data.ledger.store import Ledger
from data.permissions import Action
from data.words import Channel
from invitations.actor import refuse_role
from invitations.approval import ask_before_batch
from invitations.resolve import resolve_doubt
from invitations.send import send_due
from invitations.settle import settle_by_hand
from invitations.try_out import send_test
from pipelines.commands.frame import (
    LARGEST_NUMBER,
    AsJson,
    acting,
    console,
    errors,
    is_halted,
    required_messengers,
    say,
    show,
    working_ledger,
)
from pipelines.story import Story, in_words, told_story


def send(
    limit: Annotated[int | None, typer.Option(min=1, max=LARGEST_NUMBER, help="Send at most so many.")] = None,
    test_to: Annotated[str | None, typer.Option(help="Send one test message to this address instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send what is due, each message exactly once. Again at any time: what went out stays out."""
    with working_ledger() as ledger:
        if refusal := refuse_role(acting(ledger), Action.SEND):
            say(refusal, as_json=as_json)
        messengers = required_messengers()
        if test_to is not None:
            _send_test(ledger, messengers, test_to, as_json=as_json)
            return
        ask_before_batch(ledger, open_template_desks)
        with _ending_in_order(), _shown_progress() as story:
            try:
                batch = send_due(ledger, messengers, now=ledger.policy_now(), limit=limit, on_progress=story.tell)
            except BaseException:
                _show_what_was_done(story.last, as_json=as_json)
                raise
        halted = is_halted(ledger)
    if as_json:
        show("Sent", batch.as_metadata(), as_json=True)
    elif batch.counts or not halted:
        show("Sent", dict(batch.counts) or {"messages": "0, nothing was due"}, as_json=False)
        if story.last is not None and story.last.done:
            took = tell_duration(timedelta(seconds=story.last.seconds))
            console.print(f"{story.last.done:,} in {took}, {story.last.rate:,.1f} a second.", highlight=False)
    if halted:  # before the run, or while it worked
        errors.print("Sending is halted. `afterword doctor` says why, `afterword resume` lifts it.", style="red")
        raise typer.Exit(1)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM (systemd, a container that stops) is Ctrl-C: calls under way are finished, and the run is ended."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _send_test(ledger: Ledger, messengers: Mapping[Channel, Messenger], contact: str, *, as_json: bool) -> None:
    """One message to oneself; also while sending is halted, because it is how one finds out whether to resume."""
    address = _address(ledger, contact)
    try:
        outcome = send_test(ledger, messengers, address)
    except Unclear:
        report: dict[str, Any] = {"outcome": "InDoubt", "reason": "the provider's answer never came; it may arrive"}
    else:
        report = {"outcome": type(outcome).__name__, **asdict(outcome)}
    show("Test message", report, as_json=as_json)
    if report["outcome"] != Accepted.__name__:
        raise typer.Exit(1)


def _address(ledger: Ledger, contact: str) -> str:
    """The contact in the one spelling that providers take. Raises typer.BadParameter when it is none."""
    from invitations.contacts import clean_email, clean_phone  # noqa: PLC0415 - it loads Polars, and this is rare

    if "@" in contact:
        found = clean_email(contact)
    else:
        with ledger.read() as connection:
            read = (clean_phone(contact, region) for region in regions(connection))
            found = next((number for number in read if number), None)
    if found is None:
        raise typer.BadParameter(
            "this is neither an email address nor a phone number. Write name@example.com or +13125550100.",
            param_hint="--test-to",
        )
    return found


def resolve(
    sent: Annotated[str | None, typer.Option(metavar="ATTEMPT", help="You know: this one arrived.")] = None,
    not_sent: Annotated[
        str | None, typer.Option(metavar="ATTEMPT", help="You know: this one never arrived. It is queued again.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Settle attempts that were cut off: ask the provider about each in doubt, and list what stays so. Sends nothing.

    Where no provider can be asked, you decide: --sent or --not-sent with the id from the list.
    """
    if sent and not_sent:
        raise typer.BadParameter("--sent and --not-sent: choose one of them.")
    with working_ledger() as ledger:
        attempt, actor = sent or not_sent, acting(ledger)
        if attempt is not None:
            answer = settle_by_hand(ledger, actor, attempt, was_sent=bool(sent), now=ledger.policy_now())
            say(answer, as_json=as_json)
            return
        report = resolve_doubt(ledger, open_messengers(), now=ledger.policy_now())
        remaining = report.seen_by(actor)
    if as_json:
        show("Resolved", {**report.counts, "remaining": [asdict(row) for row in remaining]}, as_json=True)
        return
    show("Resolved", dict(report.counts), as_json=False)
    if remaining:
        console.print("Still in doubt (attempt, channel, since when, what is known):")
    for row in remaining:
        line = f"  {row.attempt_id}  {row.channel}  {row.handed_at:%Y-%m-%d %H:%M} UTC  {row.note}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if elsewhere := len(report.rows) - len(remaining):
        console.print(f"{elsewhere:,} more at locations that you do not look after.", highlight=False)


@contextmanager
def _shown_progress() -> Iterator[Story]:
    """A bar with rate and time left on a terminal; else a plain line every ten seconds, so that logs stay readable."""
    if not errors.is_terminal:
        with told_story(now_and_then=lambda progress: errors.print(_line(progress), markup=False)) as story:
            yield story
        return
    columns = (SpinnerColumn(), TextColumn("Sending"), BarColumn(), TextColumn("{task.fields[line]}"))
    with Bar(*columns, TimeElapsedColumn(), console=errors, transient=True) as bar:
        task = bar.add_task("Sending", total=None, line="")

        def show_bar(progress: Progress) -> None:
            bar.update(task, total=progress.total, completed=progress.done, line=_line(progress))

        with told_story(each_time=show_bar) as story:
            yield story


def _line(progress: Progress) -> str:
    return f"{progress.tell()}: {in_words(progress.counts)}" if any(progress.counts.values()) else progress.tell()


def _show_what_was_done(progress: Progress | None, *, as_json: bool) -> None:
    """Before the reason why the run ended early."""
    if progress is not None and progress.done and not as_json:
        show("Sent before it ended", dict(progress.counts), as_json=False)
