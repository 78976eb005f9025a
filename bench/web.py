"""Durable callbacks a second of web/, beside the same server's empty endpoint, in the same run.

    .venv/bin/python -m bench.web [--rounds 3] [--seconds 3] [--connections 1,16,64] [--only empty,each,raw,real]

`empty` reads the body and answers. `each` keeps it with a commit for each post, `raw` by group commit; neither looks at
it. `real` is what a provider gets: signature, form, stored and applied to a ledger of sent messages, then answered.
`alone` is `real` with a transaction for each post; `mailgun` is a signed JSON event with its token, kept until polling
confirms it. SQLite, full synchronous writes, the log on, served and written as web/ is (bench/web_server.py); the load
has a process of its own (bench/web_load.py) and shares the machine's two cores with both. Ratios are medians over
interleaved rounds, each on a fresh copy of the ledger; every answer is counted against what the ledger holds
afterwards. Microseconds are the processor time a post of the server and of the process that writes for it, which a busy
machine disturbs less than the rate.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.web_load import PATHS

WAYS = ("empty", "each", "raw", "alone", "real", "mailgun")
MESSAGES = 20_000
_TABLES = {"each": "bench_raw", "raw": "bench_raw", "alone": "events", "real": "events", "mailgun": "inbox"}


def measure(template: Path, folder: Path, way: str, connections: int, seconds: float) -> dict[str, float]:
    """One way once. Fails when an answer was no 200, or the ledger holds fewer rows than were answered."""
    home = Path(shutil.copytree(template, folder / "run"))
    words = [
        sys.executable,
        "-m",
        "bench.web_server",
        "--home",
        str(home),
        *(["--group", "1"] if way == "alone" else []),
    ]
    server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = json.loads(server.stdout.readline())["port"]  # type: ignore[union-attr]
        asked = {"port": port, "way": way, "connections": connections, "seconds": seconds, "messages": MESSAGES}
        load = [
            sys.executable,
            "-m",
            "bench.web_load",
            *(str(word) for key, value in asked.items() for word in (f"--{key}", value)),
        ]
        found: dict[str, float] = json.loads(subprocess.run(load, check=True, stdout=subprocess.PIPE, text=True).stdout)
        stored = json.loads(server.communicate("", timeout=60)[0].splitlines()[-1])
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(home)
    assert not found["refused"], f"{way}: {found['refused']:.0f} answers were no 200"
    if way in _TABLES:
        assert stored[_TABLES[way]] >= found["answers"], (way, found, stored)
    return {**found, "rate": found["answers"] / found["seconds"]}


def compare(template: Path, folder: Path, connections: int, asked: argparse.Namespace) -> None:
    """Every way in turn, several rounds; prints medians and ratios to `empty` and `each` of the same round."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in asked.only}
    for _ in range(asked.rounds):
        for way in asked.only:
            found[way].append(measure(template, folder, way, connections, asked.seconds))
    print(f"\n{connections} connection{'s' * (connections > 1)}")
    for way, each in found.items():
        one = {
            name: statistics.median(run[name] for run in each) for name in ("rate", "p50", "p99", "server", "writer")
        }
        ratios = "".join(
            f"   / {other} {_ratio(each, found[other])}"
            for other in ("empty", "each")
            if other in found and other != way
        )
        figures = f"{one['rate']:7,.0f}/s  p50 {one['p50']:6.2f} ms  p99 {one['p99']:6.2f} ms"
        print(f"  {way:8} {figures}  {one['server']:5.0f} + {one['writer']:3.0f} us{ratios}", flush=True)


def _ratio(mine: list[dict[str, float]], other: list[dict[str, float]]) -> str:
    ratios = [one["rate"] / two["rate"] for one, two in zip(mine, other, strict=True)]
    return f"{statistics.median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--only", default=",".join(WAYS))
    asked = parser.parse_args()
    asked.only = asked.only.split(",")
    assert set(asked.only) <= set(PATHS), f"--only takes some of {', '.join(WAYS)}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        template: Any = folder / "template"
        words = [sys.executable, "-m", "bench.web_server", "--home", str(template), "--prepare", str(MESSAGES)]
        subprocess.run(words, check=True)
        for connections in map(int, asked.connections.split(",")):
            compare(template, folder, connections, asked)


if __name__ == "__main__":
    main()
