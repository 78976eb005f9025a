"""Messages a second of the main job, beside its ceiling and its peers, all to the same sink (bench/sink.py).

    .venv/bin/python -m bench.dispatch [--rounds 3] [--post-office PEER/bin/python] [--only 50ms,growth]

(a) `ceiling`: the same client at its best concurrency, nothing persisted. (b) `ours`: `send_due`, claims, hand-over,
recording, full synchronous writes, the limit on parallel calls lifted. (c) `sdk`: Twilio's SDK in 32 threads with an
UPDATE committed per message. (d) `post_office`: django-post_office at its own best settings to the same relay; it has
an environment of its own (`uv venv /tmp/po; uv pip install -p /tmp/po/bin/python django-post_office==3.12.0`).
`courier` stands between (a) and (b): composing and judging, nothing persisted. `aiohttp` is that client alone, nothing
persisted: the ceiling that the aim of 0.85 was measured against.

Each runs in a process of its own; ratios are medians over interleaved rounds. The sink's own count is checked: every
message once. Memory is the peak of the whole process while it sends. The microseconds are the process's own processor
time a message, which a busy machine disturbs less than the rate.
"""

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.contestants import WAYS
from bench.sink import Sink, running_sink

CANDIDATES = {0: (32, 64, 128), 50: (256, 512)}  # calls at a time for (a) and (b), by latency in ms: the best counts
SDK_THREADS = 32
SDK_MESSAGES = 2000  # its rate does not depend on how many


class Bench:
    """What a measurement needs: the sink, and ledgers that were made once and are copied for each run."""

    def __init__(self, sink: Sink, folder: Path, latency: int) -> None:
        self.sink = sink
        self.folder = folder
        self.latency = latency

    def run(self, name: str, way: str, messages: int, **more: Any) -> dict[str, float]:
        """One contestant: rate, seconds, peak of memory. Fails when the sink saw another number of messages."""
        home = None
        if name == "ours":
            home = Path(shutil.copytree(self._ledger(way, messages), self.folder / "run"))
            more["home"] = home
        self.sink.forget(self.latency)
        try:
            found = self._start(name, way=way, messages=messages, **more)
        finally:
            if home:
                shutil.rmtree(home)
        counts = self.sink.counts()
        assert (counts["messages"], counts["repeated"]) == (messages, 0), counts
        return {**found, "rate": messages / found["seconds"]}

    def _start(self, name: str, **options: Any) -> dict[str, float]:
        words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        command = [sys.executable, "-m", "bench.contestants", name, *words]
        command += ["--http", str(self.sink.http), "--smtp", str(self.sink.smtp)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return dict(json.loads(output.splitlines()[-1]))

    def _ledger(self, way: str, messages: int) -> Path:
        home = self.folder / f"{'sms' if way == 'sms' else 'email'}-{messages}"
        if not home.exists():
            self._start("prepare", way=way, messages=messages, home=home)
        return home

    def best(self, name: str, way: str, messages: int) -> int:
        """The concurrency at which a contestant is fastest."""
        rates = {n: self.run(name, way, messages, parallel=n)["rate"] for n in CANDIDATES[self.latency]}
        return max(rates, key=lambda n: rates[n])


def compare(bench: Bench, way: str, messages: int, rounds: int, *, peers: dict[str, Callable[[], float]]) -> None:
    """(a), the courier and (b) in turn, with the peers; prints rates and ratios."""
    clients = ["ceiling", "aiohttp", "ours"] if way == "sms" else ["ceiling", "ours"]
    best = {name: bench.best(name, way, messages) for name in clients}
    best["courier"] = best["ceiling"]
    mine: list[str] = [name for name in ("ceiling", "aiohttp", "courier", "ours") if name in best]
    rates: dict[str, list[float]] = {name: [] for name in (*mine, *peers)}
    spent: dict[str, list[float]] = {name: [] for name in rates}
    for _ in range(rounds):
        for name in mine:
            found = bench.run(name, way, messages, parallel=best[name])
            rates[name].append(found["rate"])
            spent[name].append(found["cpu"] / messages * 1e6)
        for name, run in peers.items():
            rates[name].append(run())
    each = f"{best['ceiling']} at a time, ours {best['ours']}"
    print(f"\n{way}, {bench.latency} ms, {messages:,} messages, {each}")
    for name, found_rates in rates.items():
        told = "" if name == "ours" else f"   ours / it {_ratio(rates['ours'], found_rates)}"
        processor = f"{statistics.median(spent[name]):5.0f} us" if spent[name] else " " * 8
        print(f"  {name:12} {statistics.median(found_rates):8,.0f} messages/s  {processor}{told}", flush=True)


def _ratio(mine: list[float], other: list[float]) -> str:
    ratios = [one / two for one, two in zip(mine, other, strict=True)]
    return f"{statistics.median(ratios):6.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"


def growth(bench: Bench, sizes: list[int], parallel: int) -> None:
    """Rate and memory of (b) as the work grows."""
    print(f"\ngrowth, sms, {bench.latency} ms, {parallel} at a time")
    found = [(size, bench.run("ours", "sms", size, parallel=parallel)) for size in sizes]
    for size, one in found:
        memory = one["peak"] / 2**20
        each = one["cpu"] / size * 1e6
        rate = f"{one['rate']:6,.0f}/s  {each:4.0f} us  {one['seconds']:6.1f} s"
        print(f"  {size:>7,} messages  {rate}  peak {memory:4.0f} MiB")
    for (less, before), (more, after) in pairwise(found):
        steps = [math.log(after[what] / before[what]) / math.log(more / less) for what in ("seconds", "cpu")]
        print(
            f"  {less:,} -> {more:,}: time grows with the power {steps[0]:.2f}, processor time {steps[1]:.2f}",
            flush=True,
        )


def sdk(bench: Bench) -> float:
    """The rate of (c)."""
    return bench.run("sdk", "sms", SDK_MESSAGES, parallel=SDK_THREADS)["rate"]


def post_office(bench: Bench, interpreter: Path, messages: int, processes: int) -> float:
    """Its rate, from its own clock around `send_queued_mail_until_done`."""
    bench.sink.forget(bench.latency)
    script = Path(__file__).with_name("post_office_peer.py")
    command = [interpreter, script, "--port", bench.sink.smtp, "--messages", messages, "--processes", processes]
    output = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout
    found = json.loads(output.splitlines()[-1])
    assert found["sent"] == bench.sink.counts()["messages"] == messages
    return float(messages / found["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--only", default="0ms,50ms,mailgun,smtp,growth")
    parser.add_argument("--post-office", type=Path, help="an interpreter that has django-post_office")
    asked = parser.parse_args()
    wanted = asked.only.split(",")
    with tempfile.TemporaryDirectory() as folder, running_sink() as sink:

        def at(latency: int) -> Bench:
            return Bench(sink, Path(folder), latency)

        for name, latency in (("0ms", 0), ("50ms", 50)):
            if name in wanted:
                bench = at(latency)
                peers: dict[str, Callable[[], float]] = {"sdk": partial(sdk, bench)}
                compare(bench, "sms", asked.messages, asked.rounds, peers=peers)
        if "mailgun" in wanted:
            compare(at(50), "mailgun", asked.messages, asked.rounds, peers={})
            for name in ("courier", "ours"):
                rate = at(50).run(name, "mailgun", asked.messages, parallel=4, batch=1000)["rate"]
                print(f"  {name}, up to 1,000 recipients a call, 4 calls at a time: {rate:,.0f} recipients/s")
        if "smtp" in wanted:
            bench = at(0)
            offices: dict[str, Callable[[], float]] = {}
            if asked.post_office:
                offices = {
                    f"post_office{processes}": partial(post_office, bench, asked.post_office, 5000, processes)
                    for processes in (1, 2)
                }
            else:
                print("\ndjango-post_office is absent: name an interpreter that has it with --post-office")
            compare(bench, "smtp", asked.messages, asked.rounds, peers=offices)
        if "growth" in wanted:
            growth(at(50), [int(size) for size in asked.sizes.split(",")], 512)


assert set(WAYS) == {"sms", "mailgun", "smtp"}

if __name__ == "__main__":
    main()
