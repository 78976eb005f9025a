"""People at their buttons, senders that stall and die, answers that come late: in any order, against a tiny model.

The model knows three things of a message: whether it was taken by the provider, whether somebody holds it back, and
what the provider has said for good. AFTERWORD_EXAMPLES=500 walks further than `make test` does.
"""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from connectors import Accepted, Message, Outcome, PermanentFailure, ProviderEvent, TemporaryFailure
from data.ledger import outcomes
from data.ledger import tables as t
from data.ledger.acceptance import record_accepted
from data.ledger.dispatch import claim
from data.ledger.hand_over import hand_over
from data.ledger.lapses import end_lapsed
from data.ledger.runs import end_run, start_run
from data.words import (
    AddressKind,
    AttemptOutcome,
    EventKind,
    FailureScope,
    RequestStatus,
    RunKind,
    RunStatus,
)
from invitations.consequences import after_failure, try_later
from invitations.controls import (
    Done,
    halt,
    pause_request,
    restart_invitation,
    resume,
    resume_request,
    stop_invitation,
)
from invitations.events import receive
from invitations.late import record_late
from invitations.queueing import plan_and_queue
from invitations.resolve import resolve_doubt
from tests.examples import examples
from tests.reliability.model_world import ModelWorld, Open

EXAMPLES = examples(5)
STEPS = 40
NOT_NOW = TemporaryFailure("503", "not now", timedelta(0))
NEVER = PermanentFailure("30007", "filtered", FailureScope.MESSAGE)


class Dispatch(ModelWorld):
    """What senders, the provider and people do."""

    # Senders

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        batch = start_run(self.ledger, RunKind.SEND, self.now)
        claims = claim(self.ledger, batch_id=batch, carriers=self.carriers, now=self.now, limit=limit, cap=None)
        for one in claims:
            assert not self.is_held(one.request_id)
            assert not self.taken[one.request_id]
            self.open.append(Open(one, batch))

    @precondition(lambda self: any(one.answer is None for one in self.open))
    @rule(data=st.data(), answer=st.sampled_from(["taken", "taken, unsaid", "not now", "never", "lost"]))
    def hand_over(self, data: st.DataObject, answer: str) -> None:
        one = data.draw(st.sampled_from([one for one in self.open if one.answer is None and not one.has_left]))
        request, attempt = one.claim.request_id, one.claim.attempt_id
        with self.ledger.write() as c:
            may_go = hand_over(c, attempt)
        assert may_go is (one.is_ours and not self.is_held(request) and not self.taken[request])
        if not may_go:
            with self.ledger.write() as c:
                outcomes.record_not_sent(c, attempt, AttemptOutcome.WITHDRAWN)
            self.open.remove(one)
            return
        one.has_left = True
        if answer.startswith("taken"):
            self.taken[request] += 1
            assert self.taken[request] == 1, "sent twice"
            self.attempts[attempt] = request
            self.provider.take(self.message(request, attempt))
        match answer:
            case "taken":
                one.answer = Accepted(f"PM-{attempt}")
            case "taken, unsaid":
                self.doubt(one, Accepted(f"PM-{attempt}"))
            case "lost":
                self.doubt(one, NOT_NOW)
            case "not now":
                one.answer = NOT_NOW
            case "never":
                one.answer = NEVER

    def message(self, request: int, attempt: str) -> Message:
        [row] = self.rows(sa.select(t.requests).where(t.requests.c.request_id == request))
        public = self.ledger.settings.public_url.rstrip("/")
        return Message(attempt, row.channel, row.address, "", f"{public}/r/{row.link_token}")

    def doubt(self, one: Open, late: Outcome) -> None:
        with self.ledger.write() as c:
            outcomes.record_in_doubt(c, one.claim.attempt_id, "the line broke")
        self.open.remove(one)
        self.unanswered.append((one.claim.attempt_id, late))

    @precondition(lambda self: any(one.answer for one in self.open))
    @rule(data=st.data(), is_late=st.booleans())
    def record(self, data: st.DataObject, is_late: bool) -> None:
        one = data.draw(st.sampled_from([one for one in self.open if one.answer]))
        assert one.answer is not None
        if is_late:
            self.doubt(one, one.answer)
            return
        self.open.remove(one)
        with self.ledger.write() as c:
            match one.answer:
                case Accepted(message_id):
                    record_accepted(c, one.claim.attempt_id, message_id, self.now)
                case PermanentFailure(code, reason, scope):
                    after_failure(c, one.claim.attempt_id, code=code, reason=reason, scope=scope, at=self.now)
                case TemporaryFailure():
                    try_later(c, one.claim.attempt_id, one.answer, self.now)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(sorted({one.batch for one in self.open})))
        self.open = [one for one in self.open if one.batch != batch]
        end_run(self.ledger, batch, RunStatus.DIED, {})
        end_lapsed(self.ledger)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def stall(self, data: st.DataObject) -> None:
        """Its lease ends; the sender wakes up later and knows nothing of it."""
        one = data.draw(st.sampled_from(self.open))
        with self.ledger.write() as c:
            at = t.attempts.c
            c.execute(
                t.attempts.update().where(at.attempt_id == one.claim.attempt_id).values(lease_until=at.claimed_at)
            )
        end_lapsed(self.ledger)
        one.is_ours = False

    @precondition(lambda self: self.unanswered)
    @rule(data=st.data())
    def late_answer(self, data: st.DataObject) -> None:
        told = data.draw(st.sampled_from(self.unanswered))
        self.unanswered.remove(told)
        record_late(self.ledger, *told, self.now)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), kind=st.sampled_from([EventKind.SENT, EventKind.DELIVERED]), times=st.integers(1, 2))
    def callback(self, data: st.DataObject, kind: EventKind, times: int) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.attempts)))
        event = ProviderEvent("recorder", f"{attempt}:{kind}", kind, self.now, attempt, f"PM-{attempt}")
        receive(self.ledger, [event] * times, now=self.now)

    @rule()
    def resolve(self) -> None:
        resolve_doubt(self.ledger, self.provider.messengers, now=self.now)

    @rule()
    def plan(self) -> None:
        plan_and_queue(self.ledger, now=self.now)

    @rule(hours=st.sampled_from([1, 2, 24, 72]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    # People

    @rule(data=st.data())
    def pause(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.requests()))
        answer = pause_request(self.ledger, self.actor, row.request_id, now=self.now)
        if isinstance(answer, Done):
            assert not self.taken[row.request_id], "paused what had gone"
            assert row.request_id not in self.paused
            self.paused.add(row.request_id)
        elif row.status is RequestStatus.QUEUED:
            assert row.request_id in self.paused

    @precondition(lambda self: self.paused)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(sorted(self.paused)))
        if isinstance(resume_request(self.ledger, self.actor, request, now=self.now), Done):
            self.paused.discard(request)

    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        invitation = data.draw(st.sampled_from(sorted(self.phones)))
        if isinstance(stop_invitation(self.ledger, self.actor, invitation, now=self.now), Done):
            assert invitation not in self.stopped
            self.stopped.add(invitation)

    @precondition(lambda self: self.stopped)
    @rule(data=st.data())
    def restart(self, data: st.DataObject) -> None:
        invitation = data.draw(st.sampled_from(sorted(self.stopped)))
        if isinstance(restart_invitation(self.ledger, self.actor, invitation, now=self.now), Done):
            assert invitation not in self.said_no, "restarted somebody who said no"
            self.stopped.discard(invitation)

    @rule(data=st.data())
    def say_no(self, data: st.DataObject) -> None:
        invitation = data.draw(st.sampled_from(sorted(self.phones)))
        phone = self.phones[invitation]
        key = f"stop:{phone}:{self.now.isoformat()}"
        kind = AddressKind.PHONE
        event = ProviderEvent("recorder", key, EventKind.UNSUBSCRIBED, self.now, address=phone, address_kind=kind)
        receive(self.ledger, [event], now=self.now)
        self.said_no.add(invitation)

    @rule()
    def halt_or_lift(self) -> None:
        control = resume if self.is_halted else halt
        assert isinstance(control(self.ledger, self.actor, now=self.now), Done)
        self.is_halted = not self.is_halted


@pytest.mark.slow
@pytest.mark.hypothesis
def test_whatever_people_and_crashes_do_in_any_order_each_message_goes_once_or_is_held(sqlite_template: Path) -> None:
    Dispatch.template = sqlite_template
    run_state_machine_as_test(
        Dispatch,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.generate, Phase.shrink),  # explaining one takes minutes
        ),
    )  # fmt: skip
