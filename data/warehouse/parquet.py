"""Parquet files that are there whole or not at all, and are read back before anybody relies on them."""

import os
from pathlib import Path

import polars as pl


class UnfaithfulFile(RuntimeError):
    """What was read back from a file is not what was written to it."""


def write_for_good(frame: pl.DataFrame, path: Path) -> None:
    """Write the frame under a temporary name, flush it, rename it, read it back. A file of that name is replaced.

    Raises UnfaithfulFile when reading it back gives other rows; then nothing may be forgotten elsewhere.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            frame.write_parquet(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)  # half a file on a full disk would take the ledger's last room
    flush(path.parent)
    flush(path.parent.parent)  # the folder itself may be new
    if not pl.read_parquet(path, hive_partitioning=False).equals(frame):
        raise UnfaithfulFile(f"{path.name} does not hold what was written to it; is the disk sound?")


def flush(path: Path) -> None:
    """Make sure that what a file or folder holds survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
