"""The demo's folder: what marks it as one, and what must stay the same from one start to the next."""

import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from connectors import ConfigurationError
from pipelines.children import LOOPBACK, Ports
from pipelines.processes import child_environment, choose_port

_MARKER = "demo.json"
_LOCK = "demo.lock"
# Whatever real accounts the person at the terminal has: the demo must never see them.
_FOREIGN = ("TWILIO_", "MAILGUN_", "AFTERWORD_", "DAGSTER_", "STREAMLIT_")


@dataclass
class DemoState:
    """Made once for each demo and kept, so that links in messages of yesterday still lead somewhere today."""

    account_sid: str = field(default_factory=lambda: f"AC{secrets.token_hex(16)}")
    auth_token: str = field(default_factory=lambda: secrets.token_hex(16))
    mailgun_key: str = field(default_factory=lambda: secrets.token_hex(16))
    webhook_key: str = field(default_factory=lambda: secrets.token_hex(16))
    ports: Ports = field(default_factory=Ports)
    is_seeded: bool = False


def demo_home() -> Path:
    """AFTERWORD_HOME if named, else data/local/demo: apart from where `afterword up` keeps its state."""
    return Path(os.environ.get("AFTERWORD_HOME") or "data/local/demo").resolve()


def claim_home(home: Path) -> FileLock:
    """Take the folder for this demo until the lock is released.

    Raises ConfigurationError when it holds something else than a demo, or a demo that is running.
    """
    if home.exists() and any(home.iterdir()) and not (home / _MARKER).exists() and not (home / _LOCK).exists():
        raise ConfigurationError(
            f"{home} holds something that is not a demo, so the demo leaves it alone. Unset AFTERWORD_HOME to use "
            "data/local/demo, or name an empty folder."
        )
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigurationError(
            "This demo is running already, in another terminal. End that one with Ctrl-C, or look into the future "
            "with `afterword demo --forward 3d`."
        ) from None
    return lock


def clear_home(home: Path) -> None:
    """Forget a demo. Only ever called on a folder that `claim_home` found to be one."""
    if not (home / _MARKER).exists():
        return
    for entry in home.iterdir():
        if entry.name == _LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def load_state(home: Path) -> DemoState:
    """The demo's state. Raises ConfigurationError when there is no demo here."""
    try:
        kept = json.loads((home / _MARKER).read_text())
    except FileNotFoundError:
        raise ConfigurationError(f"There is no demo in {home}. Start one with `afterword demo`.") from None
    return DemoState(**{**kept, "ports": Ports(**kept["ports"])})


def load_or_make_state(home: Path) -> DemoState:
    """The state of the demo that is here, or a new one, with ports that are free now."""
    state = load_state(home) if (home / _MARKER).exists() else DemoState()
    wanted = asdict(state.ports)
    state.ports = Ports(**{name: choose_port(port) for name, port in wanted.items()})
    save_state(home, state)
    return state


def save_state(home: Path, state: DemoState) -> None:
    """Write the state whole or not at all, readable by its owner only."""
    draft = home / f"{_MARKER}.new"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(state), indent=2))
    draft.replace(home / _MARKER)


def environment(home: Path, state: DemoState, *, nightly_zone: str) -> dict[str, str]:
    """What the children of a demo see: the sandbox's accounts, and nothing of the person's own."""
    inherited = child_environment()
    kept = {name: value for name, value in inherited.items() if not name.startswith(_FOREIGN)}
    sandbox = state.ports.url(state.ports.sandbox)
    return {
        **kept,
        "AFTERWORD_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "AFTERWORD_PUBLIC_URL": state.ports.url(state.ports.web),
        "AFTERWORD_TWILIO_URL": sandbox,
        "AFTERWORD_MAILGUN_URL": sandbox,
        "AFTERWORD_SETTLE_SECONDS": "60",
        "AFTERWORD_TICK_SECONDS": "5",
        "AFTERWORD_NIGHTLY_ZONE": nightly_zone,
        "TWILIO_ACCOUNT_SID": state.account_sid,
        "TWILIO_AUTH_TOKEN": state.auth_token,
        "TWILIO_FROM": "+15005550006",
        "TWILIO_WHATSAPP_FROM": "+14155238886",  # the number of Twilio's own WhatsApp trial
        "MAILGUN_API_KEY": state.mailgun_key,
        "MAILGUN_DOMAIN": "mail.harborandpine.example.com",
        "MAILGUN_WEBHOOK_KEY": state.webhook_key,
        "NO_PROXY": f"{LOOPBACK},localhost",
        "no_proxy": f"{LOOPBACK},localhost",
    }
