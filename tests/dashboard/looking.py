"""What AppTest does anew at each look and a server only once, done once: half of a look's processor time."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from streamlit.components.v2 import manifest_scanner
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import app_test, local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from data.warehouse import reader
from data.warehouse.laid import Copy


def look_cheaply() -> None:
    """From now on, in this process."""
    looks: Any = app_test
    runs: Any = local_script_runner
    scripts = ScriptCache()
    looks.ScriptCache = runs.ScriptCache = lambda: scripts  # app.py and its pages are compiled once
    served = MagicMock(spec=Runtime)  # each look gives it all that it answers with
    looks.MagicMock = lambda spec: served
    # It asks every installed package for components, and none has any.
    manifest_scanner.scan_component_manifests = lambda max_workers=None: []
    local_script_runner.require_widgets_deltas = _wait_for_the_script


def open_once(folder: Path) -> None:
    """The copies that are published in `folder`, and what is shown where none is: nothing writes to a copy.

    A server opens one for each load, and the second who asks the same of it is answered at once.
    """
    changed: Any = reader
    opens: Callable[[Path], Copy] = changed._opened
    shows_nothing: Callable[..., Copy] = changed._empty
    opened, nothing = cache(opens), cache(shows_nothing)

    def empty(path: Path | None, *, is_outdated: bool = False) -> Copy:
        return nothing(None) if path is None else shows_nothing(path, is_outdated=is_outdated)

    changed._opened = lambda path: opened(path) if path.parent == folder else opens(path)
    changed._empty = empty


def _wait_for_the_script(runner: LocalScriptRunner, timeout: float = 3) -> None:
    """Asleep until it ends; AppTest itself looks a thousand times a second."""
    thread = runner._script_thread
    assert thread is not None
    thread.join(timeout)
    if thread.is_alive():
        runner.request_stop()
        raise RuntimeError(f"a page took longer than {timeout:g} seconds")
