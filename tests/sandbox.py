"""Starts the providers' sandbox for a test: what the demo runs, forked and on a free port, gone at the end."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors.sandbox.__main__ import main
from tests.forked import fork
from tests.waiting import wait_until

TWILIO_SID = "AC0123456789abcdef0123456789abcdef"
TWILIO_TOKEN = "sandbox-token"
TWILIO_FROM = "+13125550100"
MAILGUN_KEY = "key-sandbox"
MAILGUN_DOMAIN = "mail.afterword.example"
WEBHOOK_KEY = "webhook-sandbox"


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox. `environment` holds every variable that production code needs to talk to it."""

    url: str
    environment: dict[str, str]
    process: ForkServerProcess
    folder: Path

    @property
    def twilio(self) -> str:
        """The account's address, up to `/Messages`."""
        return f"{self.url}/2010-04-01/Accounts/{TWILIO_SID}"

    @property
    def twilio_auth(self) -> tuple[str, str]:
        """Basic credentials that Twilio accepts."""
        return TWILIO_SID, TWILIO_TOKEN

    @property
    def mailgun(self) -> str:
        """The domain's address, up to `/messages` and `/events`."""
        return f"{self.url}/v3/{MAILGUN_DOMAIN}"

    @property
    def mailgun_auth(self) -> tuple[str, str]:
        """Basic credentials that Mailgun accepts."""
        return "api", MAILGUN_KEY

    def get(self, path: str) -> Any:
        """What a control address (`/_sandbox/…`) answers."""
        return self._ask("GET", path)

    def post(self, path: str, words: Mapping[str, Any]) -> Any:
        """Post JSON to a control address, for example `/_sandbox/faults`."""
        return self._ask("POST", path, json.dumps(dict(words)))

    def _ask(self, method: str, path: str, body: str | None = None) -> Any:
        # Not by requests: it makes a session and looks for proxies each time, which costs ten times the call.
        with contextlib.closing(HTTPConnection(urlsplit(self.url).netloc, timeout=10)) as connection:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            words = answer.read()
            assert answer.status < 400, f"{method} {path}: {answer.status} {words.decode()}"
            return json.loads(words)

    def record(self) -> list[dict[str, Any]]:
        """Every message ever created, oldest first."""
        found: list[dict[str, Any]] = self.get("/_sandbox/record")
        return found

    def wait_until_quiet(self, seconds: float = 30) -> None:
        """Wait until nothing is left to happen: every message delivered, every callback tried."""
        wait_until(lambda: self.get("/_sandbox/health")["pending"] == 0, seconds=seconds, what="a quiet sandbox")


@contextlib.contextmanager
def running_sandbox(
    folder: Path,
    *,
    idle: bool = True,
    public_url: str = "http://127.0.0.1:9",
    env: Mapping[str, str] | None = None,
    seed: int = 1,
    pace: float = 0.1,
    port: int = 0,
) -> Iterator[Sandbox]:
    """A sandbox on `folder` (a second one there continues); `public_url` is where web/ is, by default nowhere.

    `env` overrides or adds variables, for it and in `.environment`. `pace` shortens every wait: at 0.1 a message is
    delivered within a fifth of a second.
    """
    own = {
        "TWILIO_ACCOUNT_SID": TWILIO_SID,
        "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
        "TWILIO_FROM": TWILIO_FROM,
        "MAILGUN_API_KEY": MAILGUN_KEY,
        "MAILGUN_DOMAIN": MAILGUN_DOMAIN,
        "MAILGUN_WEBHOOK_KEY": WEBHOOK_KEY,
        "AFTERWORD_PUBLIC_URL": public_url,
        **(env or {}),
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "MAILGUN_", "AFTERWORD_"))}
    words = ["--port", str(port), "--folder", str(folder), "--seed", str(seed), "--pace", str(pace)]
    process, said = fork(main, [*words, *(["--idle"] if idle else [])], {**inherited, **own})
    with said:
        try:
            line = said.readline()  # ends at once if the process dies
            assert line, f"the sandbox did not start (exit code {process.exitcode}); its words are on stderr"
            url = f"http://127.0.0.1:{json.loads(line)['port']}"
            yield Sandbox(url, {**own, "AFTERWORD_TWILIO_URL": url, "AFTERWORD_MAILGUN_URL": url}, process, folder)
        finally:
            process.terminate()
            process.join(10)
            process.kill()
            process.join()
