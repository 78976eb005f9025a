"""How callbacks and customers reach web/: plain HTTP from a few threads, and pages read the way a browser would.

Nothing here follows a link off this machine: a platform's page is never opened, its redirect is the end of the way.
"""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

from connectors.sandbox.settings import is_loopback

TIMEOUT = (3.0, 8.0)  # seconds to connect, to answer


class OffLimits(requests.RequestException):
    """A link that leads off this machine."""


class Lines:
    """A bounded number of lines out: threads, each with its own kept connection."""

    def __init__(self, count: int = 8) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="line")
        self._own = threading.local()

    async def call(self, method: str, url: str, **what: Any) -> requests.Response:
        """One request, no redirect followed, no retry. Raises requests.RequestException."""
        if not is_loopback(url):
            raise OffLimits("the sandbox opens no connection off this machine")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._call, method, url, what)

    def _call(self, method: str, url: str, what: dict[str, Any]) -> requests.Response:
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
            session.trust_env = False  # no proxy between two processes of one machine
        session.cookies.clear()  # the next caller is somebody else
        return session.request(method, url, timeout=TIMEOUT, allow_redirects=False, **what)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)


@dataclass
class Form:
    """A form of a page: what is filled in already, what can be chosen, where text may be written."""

    method: str
    action: str
    filled: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Link:
    """A link of a page and what it says."""

    address: str
    words: str


class PageReader(HTMLParser):
    """Collects the forms and links of a page."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._form: Form | None = None
        self._href: str | None = None
        self._words: list[str] = []
        self.forms: list[Form] = []
        self.links: list[Link] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a form or a link, or note a control."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self._address, given.get("action", ""))
            self._form = Form(given.get("method", "get").upper(), action)
            self.forms.append(self._form)
        elif tag == "a" and "href" in given:
            self._href, self._words = urljoin(self._address, given["href"]), []
        elif tag in {"input", "button", "textarea", "select"}:
            self._note(tag, given)

    def _note(self, tag: str, given: dict[str, str]) -> None:
        name = given.get("name")
        if self._form is None or not name or "disabled" in given:
            return
        kind = given.get("type", "submit" if tag == "button" else "text").lower()
        if kind in {"radio", "submit", "checkbox"}:
            self._form.choices.setdefault(name, []).append(given.get("value", "on"))
        elif tag == "textarea" or kind == "text":
            self._form.texts.append(name)
        elif kind == "hidden":
            self._form.filled[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Close a form or a link."""
        if tag == "form":
            self._form = None
        elif tag == "a" and self._href is not None:
            self.links.append(Link(self._href, " ".join("".join(self._words).split())))
            self._href = None

    def handle_data(self, data: str) -> None:
        """Collect what a link says."""
        if self._href is not None:
            self._words.append(data)


def read_page(address: str, html: str) -> PageReader:
    """The forms and links of a page."""
    reader = PageReader(address)
    reader.feed(html)
    reader.close()
    return reader


class Browser:
    """One customer's browser (or a scanner's fetcher): an agent string and a few redirects on this machine.

    `is_window`: a page shown to somebody, which browsers say of it (https://www.w3.org/TR/fetch-metadata/).
    """

    def __init__(self, lines: Lines, agent: str, *, is_window: bool = False) -> None:
        self._lines = lines
        self._headers = {"User-Agent": agent, "Accept": "text/html,*/*;q=0.8", "Accept-Language": "en-US,en;q=0.9"}
        if is_window:
            self._headers |= {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}

    async def open(self, address: str, method: str = "GET", form: dict[str, str] | None = None) -> requests.Response:
        """Fetch an address as a browser would, following redirects while they stay on this machine."""
        answer = await self._lines.call(method, address, data=form or None, headers=self._headers)
        for _ in range(4):
            target = urljoin(answer.url or address, answer.headers.get("location", ""))
            if not answer.is_redirect or not is_loopback(target):
                break
            answer = await self._lines.call("GET", target, headers=self._headers)
        return answer
