"""Processes that cost no start: forked from one that has loaded what they run, which takes each of them a second.

What they do from `main` on is what the command does, in a process of its own that can be killed.
"""

import logging
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Mapping
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from socket import AF_UNIX, socket
from types import ModuleType
from typing import IO, Any

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["connectors.sandbox.__main__", "tests.web.flood"])

Main = Callable[[list[str]], int]


def share_forks() -> Callable[[], None]:
    """From now on this process and its forks let their processes be forked from one and the same: a fork of this one.

    So it has loaded what this one has, and each of many need not start one and let it import; this one may have no
    threads yet. To be called in the end: what is returned.
    """
    resource_tracker.ensure_running()
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    ends, ours = os.pipe()  # at its end, which is when everybody has closed `ours`, the process ends
    with socket(AF_UNIX) as listening:
        address = connection.arbitrary_address("AF_UNIX")  # type: ignore[attr-defined]
        listening.bind(address)
        listening.listen(64)
        stem = multiprocessing.get_context("fork").Process(
            target=_serve, args=(listening.fileno(), ends, ours), daemon=True
        )
        stem.start()
    os.close(ends)
    server._forkserver_address, server._forkserver_alive_fd = address, ours
    server.ensure_running = lambda: None  # it asks after a child of this process, which its forks do not have

    def end() -> None:
        os.close(ours)
        stem.join(10)

    return end


def _serve(listening: int, ends: int, ours: int) -> None:
    os.close(ours)
    forkserver.main(listening, ends, [])


def fork(main: Main, words: list[str], environment: Mapping[str, str]) -> tuple[ForkServerProcess, IO[str]]:
    """`main(words)` in a process of its own, and what it prints; both are the caller's to close."""
    said, stdout = processes.Pipe(duplex=False)
    process = _start(main, words, environment, {1: stdout})
    stdout.close()
    with said:
        return process, os.fdopen(os.dup(said.fileno()))


def fork_to_talk(
    main: Main, words: list[str], environment: Mapping[str, str], errors: Path
) -> tuple[ForkServerProcess, IO[bytes], IO[bytes]]:
    """The same, what it reads and what it prints: all three are the caller's to close. Errors are added to a file."""
    said, stdout = processes.Pipe(duplex=False)
    stdin, heard = processes.Pipe(duplex=False)
    process = _start(main, words, environment, {0: stdin, 1: stdout, 2: errors})
    stdin.close()
    stdout.close()
    with said, heard:
        return process, os.fdopen(os.dup(heard.fileno()), "wb", 0), os.fdopen(os.dup(said.fileno()), "rb", 0)


def fork_to_file(main: Main, words: list[str], environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """The same; what it prints and its errors are added to a file."""
    return _start(main, words, environment, {1: log, 2: log})


def _start(
    main: Main, words: list[str], environment: Mapping[str, str], streams: "dict[int, Connection[Any, Any] | Path]"
) -> ForkServerProcess:
    process = processes.Process(target=_run, args=(main, words, dict(environment), streams), daemon=True)
    # Streamlit's AppTest leaves its page as this process's main module, which every child would run once more. Not by
    # mock.patch.dict, which would throw away what another thread imports meanwhile.
    main_module = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = main_module
    return process


def _run(
    main: Main, words: list[str], environment: Mapping[str, str], streams: "dict[int, Connection[Any, Any] | Path]"
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in streams.items():
        _replace(number, stream)
    # What pytest does with errors and logs in the process that this one may be a fork of.
    sys.unraisablehook, threading.excepthook = sys.__unraisablehook__, threading.__excepthook__
    logging.getLogger().handlers.clear()
    sys.exit(main(words))


def _replace(number: int, stream: "Connection[Any, Any] | Path") -> None:
    if isinstance(stream, Path):
        opened = os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
        return
    os.dup2(stream.fileno(), number)
    stream.close()
    if number == 0:  # the parent's was closed
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
