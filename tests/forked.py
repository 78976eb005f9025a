"""Processes that cost no start: forked from one that has loaded what they run, which takes each of them a second.

What they do from `main` on is what the command does, in a process of its own that can be killed.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerProcess
from types import ModuleType
from typing import IO
from unittest import mock

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["connectors.sandbox.__main__", "tests.web.flood"])


def fork(
    main: Callable[[list[str]], int], words: list[str], environment: Mapping[str, str]
) -> tuple[ForkServerProcess, IO[str]]:
    """`main(words)` in a process of its own, and what it prints; both are the caller's to close."""
    said, stdout = processes.Pipe(duplex=False)
    process = processes.Process(target=_run, args=(main, words, dict(environment), stdout), daemon=True)
    # Streamlit's AppTest leaves its page as this process's main module, which every child would run once more.
    with mock.patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
        process.start()
    stdout.close()
    with said:
        return process, os.fdopen(os.dup(said.fileno()))


def _run(
    main: Callable[[list[str]], int],
    words: list[str],
    environment: Mapping[str, str],
    stdout: "multiprocessing.connection.Connection[str, str]",
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(stdout.fileno(), 1)
    stdout.close()
    sys.exit(main(words))
