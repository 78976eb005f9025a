"""What all processes of one test run share: made by the first that asks for it, removed with the run's folder."""

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


def made_once(folder: Path, name: str, make: Callable[[], str]) -> str:
    """What `make` answered to the first process that asked for `name`; the others wait for it."""
    kept = folder / name
    with FileLock(folder / f"{name}.lock"):
        if not kept.exists():
            kept.write_text(make(), encoding="utf-8")
        return kept.read_text(encoding="utf-8")
