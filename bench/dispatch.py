"""Messages a second through `send_due`, beside the same client with nothing persisted and a plain SDK loop.

    .venv/bin/python -m bench.dispatch [--messages 1000] [--latency-ms 0] [--rounds 3]

All three talk to the sandbox in a process of its own. `ceiling`: our Twilio connector in as many threads as dispatch
uses, nothing written. `ours`: claim, hand over, record, full synchronous writes. `peer`: the SDK's client, one after
the other, with one committed database update a message. Ratios are medians over interleaved rounds.
"""

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from twilio.rest import Client

from connectors import Message, Messenger
from connectors.registry import open_messengers
from data.ledger import tables as t
from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import Channel
from invitations.send import PARALLEL, send_due
from tests.many import make_due
from tests.sandbox import Sandbox, running_sandbox
from tests.world import NOON


def ceiling(messenger: Messenger, count: int) -> float:
    """The connector alone."""
    messages = [
        Message(
            f"bench{n}", Channel.SMS, f"+1312555{n % 10_000:04d}", f"Hello http://r.example/{n}", "http://r.example"
        )
        for n in range(count)
    ]
    started = time.perf_counter()
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(messenger.send, messages))
    return count / (time.perf_counter() - started)


def ours(count: int) -> float:
    """The main job, on a fresh ledger."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = _ledger(Path(folder), count)
        started = time.perf_counter()
        batch = send_due(ledger, open_messengers(), now=NOON)
        seconds = time.perf_counter() - started
        ledger.close()
        assert batch.counts == {"accepted": count}, batch.counts
        return count / seconds


def peer(sandbox: Sandbox, count: int) -> float:
    """What a script would do: SDK, then an UPDATE, one after the other. No safety of any kind."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = _ledger(Path(folder), count)
        client = Client(*sandbox.twilio_auth)
        client.api.base_url = sandbox.url
        started = time.perf_counter()
        for n in range(1, count + 1):
            sent = client.messages.create(to=f"+1312555{n % 10_000:04d}", from_="+13125550100", body="Hello")
            with ledger.write() as connection:
                connection.execute(
                    t.requests.update().where(t.requests.c.request_id == n).values(failure_code=sent.status)
                )
        seconds = time.perf_counter() - started
        ledger.close()
        return count / seconds


def _ledger(home: Path, count: int) -> Ledger:
    ledger = open_ledger(Settings(home=home))
    migrate(ledger)
    make_due(ledger, count, channels=(Channel.SMS,))
    return ledger


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--latency-ms", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    rates: dict[str, list[float]] = {"ceiling": [], "ours": [], "peer": []}
    with tempfile.TemporaryDirectory() as folder, running_sandbox(Path(folder)) as sandbox:
        os.environ.update(sandbox.environment)
        if asked.latency_ms:
            sandbox.post("/_sandbox/faults", {"kind": "slow_ms", "ms": asked.latency_ms, "probability": 1.0})
        messenger = open_messengers()[Channel.SMS]
        for _ in range(asked.rounds):
            rates["ceiling"].append(ceiling(messenger, asked.messages))
            rates["ours"].append(ours(asked.messages))
            rates["peer"].append(peer(sandbox, asked.messages))
    for name, found in rates.items():
        print(f"{name:8} {statistics.median(found):8.0f} messages/s   {[round(rate) for rate in found]}")
    for name in ("ceiling", "peer"):
        ratios = [mine / other for mine, other in zip(rates["ours"], rates[name], strict=True)]
        print(f"ours / {name:8} {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
