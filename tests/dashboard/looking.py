"""What AppTest does anew at each look and a server only once, done once: a third of a look's processor time."""

from typing import Any

from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import app_test, local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner


def look_cheaply() -> None:
    """From now on, in this process."""
    changed: Any = app_test
    scripts = ScriptCache()
    changed.ScriptCache = lambda: scripts  # app.py and its pages are compiled once
    # It asks every installed package for components, and none has any.
    manifest_scanner.scan_component_manifests = lambda max_workers=None: []
    local_script_runner.require_widgets_deltas = _wait_for_the_script


def _wait_for_the_script(runner: LocalScriptRunner, timeout: float = 3) -> None:
    """Asleep until it ends; AppTest itself looks a thousand times a second."""
    thread = runner._script_thread
    assert thread is not None
    thread.join(timeout)
    if thread.is_alive():
        runner.request_stop()
        raise RuntimeError(f"a page took longer than {timeout:g} seconds")
