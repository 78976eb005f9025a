"""What the dashboard's pages cost at a thousand, a hundred thousand and a million customers, and beside others.

    .venv/bin/python -m bench.dashboard [--sizes 1000,100000,1000000] [--rounds 3] [--datasette PEER/bin/python]
                                        [--homes FOLDER] [--touched 0] [--only pages,sessions,search,history,memory]

`pages`: each page's rerun in Streamlit's own runtime (bench/dashboard_sessions.py), the sizes in turn within a round;
`growth` is the largest size's cost to the smallest's. `sessions`: eight people at once on the largest, each waiting for
the page before asking again. `search` and `history`: bench/dashboard_search.py, every word in every way in turn.
`memory`: what each of eight more people adds who look at every page. Ratios are medians of the rounds' ratios. Time is
what the server takes until the last message of a rerun; `cpu` is its processors' time, which a busy machine disturbs
less. `--touched`: so many customers changed since the copy was made, which every page then lays over it. `--homes`
keeps the homes, which take minutes to make (bench/dashboard_world.py), for another run. PEER: an environment with
Datasette, `python -m venv PEER && PEER/bin/pip install datasette`.
"""

import argparse
import json
import logging
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import structlog

from bench.dashboard_search import Looked, Timed, history_round, search_round
from bench.dashboard_world import NOW, OWNER, make_home, touch
from bench.datasette_peer import Datasette, make_database, served
from data.settings import Settings

LOOKS = {  # what is measured: page, and what stands behind its address
    "overview": ("overview", ""),
    "overview, all time": ("overview", "period=All+time"),
    "who is behind a figure": ("overview", "period=All+time&behind=sent"),
    "requests": ("requests", ""),
    "requests, all time": ("requests", "period=All+time"),
    "customers": ("customers", ""),
    "customers, all time": ("customers", "period=All+time"),
    "customers by last name": ("customers", "customers_sort=Last+name%2C+A+to+Z&period=All+time"),
    "not invited yet": ("customers", "customers_status=not_invited"),
    "a customer's panel": ("customers", "customer=22"),
    "bulk import": ("bulk_import", ""),
    "my reviews": ("reviews", ""),
    "do not contact": ("do_not_contact", ""),
    "simulate": ("simulate", ""),
    "runs": ("runs", ""),
    "settings": ("settings", ""),
    "audit": ("audit", ""),
}
PARTS = ("pages", "sessions", "search", "history", "memory")
_MANY = 8
Ask = Callable[..., dict[str, Any]]


@contextmanager
def dashboard(home: Path) -> Iterator[Ask]:
    """A dashboard in a process of its own; yields what asks it (bench/dashboard_sessions.py)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AFTERWORD_")} | {
        "AFTERWORD_HOME": str(home),
        "AFTERWORD_NOW": NOW.isoformat(),
        "AFTERWORD_LOCAL_USER": OWNER,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.dashboard_sessions"],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def ask(**order: Any) -> dict[str, Any]:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        told = process.stdout.readline()
        assert told, f"the dashboard ended over {order}; what it said stands above"
        answer: dict[str, Any] = json.loads(told)
        return answer

    try:
        yield ask
    finally:
        process.kill()
        process.wait()


def pages(homes: dict[int, Path], rounds: int, reruns: int) -> None:
    """Every page at every size, the sizes in turn: with nothing new, and with a change before each rerun."""
    for is_anew in (False, True):
        print("\nAfter a change" if is_anew else "\nWith nothing new", end=": ")
        _pages(homes, rounds, reruns, is_anew=is_anew)


def _pages(homes: dict[int, Path], rounds: int, reruns: int, *, is_anew: bool) -> None:
    found: dict[tuple[str, int], list[dict[str, Any]]] = {(look, size): [] for look in LOOKS for size in homes}
    with ExitStack() as stack:
        asks = {size: stack.enter_context(dashboard(home)) for size, home in homes.items()}
        for _ in range(rounds):
            for look, (page, query) in LOOKS.items():
                for size, ask in asks.items():
                    found[look, size].append(ask(sessions=1, page=page, query=query, reruns=reruns, anew=is_anew))
    least, most = min(homes), max(homes)
    print(f"a page's rerun, one session, ms p50 / p95 (cpu) at {', '.join(f'{size:,}' for size in homes)} customers")
    for look in LOOKS:
        told = "   ".join(_told(found[look, size]) for size in homes)
        growth = [_ratios(found[look, most], found[look, least], of) for of in ("ms", "cpu")]
        kilobytes = found[look, most][-1]["bytes"][-1] / 1000
        print(f"  {look:23} {told}   growth {growth[0]}, cpu {growth[1]}   {kilobytes:.0f} kB", flush=True)


def sessions(home: Path, rounds: int, reruns: int) -> None:
    """One person and eight on the largest home, in turn."""
    with dashboard(home) as ask:
        print(f"\nOne session and {_MANY} at once, {home.name} customers: ms p50 / p95")
        for look, (page, query) in LOOKS.items():
            found: dict[int, list[dict[str, Any]]] = {1: [], _MANY: []}
            for _ in range(rounds):
                for count, each in found.items():
                    each.append(ask(sessions=count, page=page, query=query, reruns=reruns))
            alone, together = found.values()
            print(
                f"  {look:23} {_told(alone)}   {_told(together)}   ratio {_ratios(together, alone, 'ms')}", flush=True
            )


def memory(home: Path) -> None:
    """What a further session adds."""
    with dashboard(home) as ask:
        ask(sessions=1, page="customers", reruns=1)
        each = [ask(open=_MANY)["bytes_each"] / 2**20 for _ in range(2)]
        print(f"\nA further session, {home.name} customers: {each[0]:.1f} MiB each for {_MANY}, then {each[1]:.1f} MiB")


def beside(home: Path, size: int, asked: argparse.Namespace, folder: Path) -> None:
    """Search and history beside Polars and Datasette."""
    settings = Settings(home=home)
    with ExitStack() as stack:
        peer = None
        if asked.datasette:
            file = folder / f"{size}.db"
            if not file.exists():
                make_database((settings.warehouse_folder / "current.duckdb").resolve(), file)
            port = stack.enter_context(served(asked.datasette, file, _free_port()))
            peer = Datasette(port, file.stem)
        looked = Looked(settings, size)
        if "search" in asked.only:
            looked.page("warm")
            rounds = [search_round(looked, peer, looked.words(asked.words, seed)) for seed in range(asked.rounds)]
            _say("search with its total", rounds, "page", size)
        if "history" in asked.only:
            # Others in each round: who was asked about is remembered while nothing happens.
            people = [looked.someone(number) for number in range(asked.words * asked.rounds)]
            rounds = [history_round(looked, peer, people[begin :: asked.rounds]) for begin in range(asked.rounds)]
            _say("a customer's history", rounds, "panel", size)


def _say(what: str, rounds: Sequence[dict[str, list[Timed]]], ours: str, size: int) -> None:
    print(f"\n{what}, {size:,} customers: ms p50 / p95")
    for way in rounds[0]:
        p50, p95, cpu = (
            statistics.median(_at([getattr(one, of) for one in found[way]], share) * 1000 for found in rounds)
            for of, share in (("seconds", 0.5), ("seconds", 0.95), ("processor", 0.5))
        )
        spent = "" if way == "datasette" else f"  cpu {cpu:6.1f}"
        ratios = "" if way == ours else "".join(
            f"   ours / {way} p{share * 100:.0f} " + _spread([
                _at([one.seconds for one in found[ours]], share) / _at([one.seconds for one in found[way]], share)
                for found in rounds
            ])
            for share in (0.5, 0.95)
        )  # fmt: skip
        print(f"  {way:10} {p50:7.1f} / {p95:7.1f}{spent}{ratios}", flush=True)


def _told(rounds: Sequence[dict[str, Any]]) -> str:
    p50, p95 = (statistics.median(_at(found["ms"], share) for found in rounds) for share in (0.5, 0.95))
    cpu = [ms for found in rounds for ms in found["cpu"]]
    return f"{p50:6.0f} / {p95:6.0f}" + (f" ({_at(cpu, 0.5):5.0f})" if cpu else "")


def _ratios(mine: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]], of: str) -> str:
    return _spread([_at(one[of], 0.5) / _at(two[of], 0.5) for one, two in zip(mine, other, strict=True)])


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _at(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _homes(folder: Path, sizes: Sequence[int], touched: int) -> dict[int, Path]:
    homes = {}
    for size in sizes:
        home = folder / str(size)
        if not (home / "warehouse" / "current.duckdb").exists():
            made = make_home(home, size)
            print(
                f"{size:,} customers: marts rebuilt in {made.seconds_to_rebuild:.1f} s, copy of "
                f"{made.copy_bytes / 2**20:,.0f} MiB published in {made.seconds_to_publish:.1f} s",
                flush=True,
            )
        if touched:
            touch(home, range(1, touched + 1))
        homes[size] = home
    return homes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="1000,100000,1000000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reruns", type=int, default=5, help="of one page in a round")
    parser.add_argument("--words", type=int, default=40, help="searches and histories in a round")
    parser.add_argument("--touched", type=int, default=0)
    parser.add_argument("--datasette", help="an interpreter that has it")
    parser.add_argument("--homes", type=Path, help="where the homes are, or are made and kept")
    parser.add_argument("--only", default=",".join(PARTS))
    asked = parser.parse_args()
    asked.only = asked.only.split(",")
    assert set(asked.only) <= set(PARTS), f"--only takes some of {', '.join(PARTS)}"
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as name:
        folder = asked.homes or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        homes = _homes(folder, sorted(int(size) for size in asked.sizes.split(",")), asked.touched)
        most = max(homes)
        if "pages" in asked.only:
            pages(homes, asked.rounds, asked.reruns)
        if "sessions" in asked.only:
            sessions(homes[most], asked.rounds, asked.reruns)
        if {"search", "history"} & set(asked.only):
            beside(homes[most], most, asked, folder)
        if "memory" in asked.only:
            memory(homes[most])


if __name__ == "__main__":
    main()
