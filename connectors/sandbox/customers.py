"""THE CUSTOMERS: what happens after a message reached somebody. Their only way in is web/, as for anybody.

Each act is a step on the agenda: open, visit, answer (`score`: a number or stars), comment, choose a platform, review;
a scanner's fetches; and the one who says STOP, the one who unsubscribes, the one who complains, cast among those who
would never have answered.
"""

import re
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import requests
import structlog

from connectors.sandbox import phrases
from connectors.sandbox.agenda import Agenda
from connectors.sandbox.browser import Browser, Form, Lines, Link, PageReader, read_page
from connectors.sandbox.casting import Casting
from connectors.sandbox.characters import BROWSERS, SCANNER, Character, character, reviewer_name
from connectors.sandbox.mailgun_events import MailgunEvents
from connectors.sandbox.mailgun_rules import MailEvent
from connectors.sandbox.reviews import ReviewSites, site_of, stars_for
from connectors.sandbox.settings import SandboxSettings
from connectors.sandbox.store import Store
from connectors.sandbox.twilio_progress import TwilioProgress
from connectors.sandbox.twilio_rules import TextStatus

log = structlog.get_logger(__name__)
Act = Callable[[dict[str, Any]], Awaitable[None]]
ADDRESSES = re.compile(r"https?://[^\s\"'<>)]+")
IMAGES = re.compile(r"<img[^>]+src=[\"'](https?://[^\"']+)", re.IGNORECASE)
PATIENCE = 4  # how often somebody tries a page that does not answer


class Customers:
    """Plays everybody who was written to."""

    def __init__(
        self,
        store: Store,
        settings: SandboxSettings,
        agenda: Agenda,
        lines: Lines,
        *,
        texts: TwilioProgress,
        mails: MailgunEvents,
        reviews: ReviewSites,
        seed: int,
    ) -> None:
        self._store = store
        self._base = settings.public_base
        self._agenda = agenda
        self._lines = lines
        self._texts = texts
        self._mails = mails
        self._reviews = reviews
        self._seed = seed
        self._casting = Casting(store, agenda, texts, mails, self._unsubscribe, seed=seed)
        acts: dict[str, Act] = {
            "open": self._open,
            "scan": self._scan,
            "visit": self._visit,
            "score": self._score,
            "comment": self._comment,
            "choose": self._choose,
            "review": self._review,
            "write_back": self._write_back,
        }
        for name, act in acts.items():
            agenda.on(f"customer_{name}", act)

    def _plan(self, act: str, after: float, **payload: Any) -> None:
        self._agenda.add(f"customer_{act}", after, **payload)

    def text_arrived(self, row: sqlite3.Row) -> None:
        """A text reached a phone."""
        number = self._earlier(
            "select count(*) from texts where recipient = ? and n < ? and status in (?, ?)",
            [row["recipient"], row["n"], TextStatus.DELIVERED, TextStatus.READ],
        )
        self._casting.text_arrived()
        who = character(self._seed, row["recipient"], number, is_email=False)
        if who.writes_back:
            self._plan("write_back", 4, address=row["recipient"])
        self._plan_visit(who, row["recipient"], number, row["body"], who.clicks_after)

    def mail_arrived(self, mail: sqlite3.Row) -> None:
        """A mail reached a mailbox."""
        number = self._earlier(
            "select count(*) from mails where recipient = ? and n < ? and status = ?",
            [mail["recipient"], mail["n"], MailEvent.DELIVERED],
        )
        self._casting.mail_arrived()
        who = character(self._seed, mail["recipient"], number, is_email=True)
        if who.is_scanned:
            self._plan("scan", 1.0, mail=mail["n"], is_disguised=who.is_disguised)
        if who.is_prefetched:
            self._plan("open", 0.5, mail=mail["n"], bot="apple")
        if who.opens_after is None:
            return
        self._plan("open", who.opens_after, mail=mail["n"], bot="")
        if who.clicks_after is not None:
            text = f"{mail['body_text']}\n{mail['body_html']}"
            self._plan_visit(who, mail["recipient"], number, text, who.opens_after + who.clicks_after / 2)

    def _earlier(self, sql: str, values: list[Any]) -> int:
        row = self._store.row(sql, values)
        return int(row[0]) if row else 0

    def _plan_visit(self, who: Character, address: str, number: int, text: str, after: float | None) -> None:
        link = next((found for found in _links(text) if found.startswith(f"{self._base}/r/")), None)
        if after is None or link is None:
            return
        name = reviewer_name(self._seed, address, text)
        self._plan("visit", after, address=address, number=number, link=link, name=name, tries=0)

    def _who(self, payload: dict[str, Any]) -> Character:
        is_email = "@" in payload["address"]
        return character(self._seed, payload["address"], payload["number"], is_email=is_email)

    async def _open(self, payload: dict[str, Any]) -> None:
        mail = self._mail(payload)
        client = {"client-type": "mobile browser", "device-type": "mobile", "user-agent": BROWSERS[0]}
        self._mails.add(mail, MailEvent.OPENED, {"ip": "203.0.113.7", "client-info": {**client, "bot": payload["bot"]}})
        if payload["bot"]:
            return
        browser = Browser(self._lines, BROWSERS[0])
        for image in IMAGES.findall(mail["body_html"]):
            if image.startswith(self._base):
                await self._fetch(browser, image)

    async def _scan(self, payload: dict[str, Any]) -> None:
        """A mail gateway looks at every link before anybody reads the mail. It must change nothing.

        One says what it is and asks for headers first; the other is a browser like any, and only its haste tells.
        """
        mail = self._mail(payload)
        is_disguised = payload.get("is_disguised", False)
        scanner = Browser(self._lines, BROWSERS[2] if is_disguised else SCANNER, is_window=is_disguised)
        links = [*_links(f"{mail['body_text']}\n{mail['body_html']}"), mail["unsubscribe"] or ""]
        for link in dict.fromkeys(links):
            if link.startswith(self._base):
                if not is_disguised:
                    await self._fetch(scanner, link, "HEAD")
                await self._fetch(scanner, link)

    def _mail(self, payload: dict[str, Any]) -> sqlite3.Row:
        mail = self._store.row("select * from mails where n = ?", [payload["mail"]])
        if mail is None:
            raise LookupError("no such mail")
        return mail

    async def _fetch(self, browser: Browser, address: str, method: str = "GET") -> None:
        try:
            await browser.open(address, method)
        except requests.RequestException as fault:
            log.debug("page unanswered", fault=type(fault).__name__)

    async def _ask(self, act: str, payload: dict[str, Any], form: Form) -> requests.Response | None:
        """Ask web/ for something; None when it does not answer: the customer tries the same act again later."""
        browser = Browser(self._lines, self._who(payload).browser, is_window=True)
        try:
            answer = await browser.open(form.action, form.method, form.filled)
        except requests.RequestException:
            answer = None
        if answer is not None and answer.status_code < 500:
            return answer
        if payload.get("tries", 0) < PATIENCE:
            self._plan(act, 5, **{**payload, "tries": payload.get("tries", 0) + 1})
        return None

    async def _page(self, act: str, payload: dict[str, Any], form: Form | None = None) -> PageReader | None:
        """The page that opening the link, or sending a form, leads to."""
        answer = await self._ask(act, payload, form or Form("GET", payload["link"]))
        return read_page(answer.url or payload["link"], answer.text) if answer is not None else None

    async def _visit(self, payload: dict[str, Any]) -> None:
        """Read the review page, and fill in its own form: a number, stars, or none where the platforms are listed."""
        who = self._who(payload)
        answer = await self._ask("visit", payload, Form("GET", payload["link"]))
        if answer is None or who.score is None:
            return
        if answer.is_redirect:  # straight on to a platform, which is off this machine
            self._plan_review(who, payload, answer.headers["location"], "")
            return
        page = read_page(answer.url or payload["link"], answer.text)
        given = {"score": str(who.score), "stars": str(stars_for(who.score))}
        asked = next(((f, name) for f in page.forms for name in given if given[name] in f.choices.get(name, [])), None)
        if asked is not None:
            form, name = asked
            filled = {**form.filled, name: given[name]}
            onward = {**payload, "method": form.method, "action": form.action, "filled": filled, "tries": 0}
            self._plan("score", who.scores_after, **onward)
        elif _platforms(page.links):
            self._go_on(who, payload, page)
        else:
            log.warning("review page without a form for an answer", forms=len(page.forms))

    async def _score(self, payload: dict[str, Any]) -> None:
        """Send the answer, and go on where its page leads."""
        who = self._who(payload)
        page = await self._page("score", payload, Form(payload["method"], payload["action"], payload["filled"]))
        if page is not None and who.score is not None:
            self._go_on(who, payload, page)

    def _go_on(self, who: Character, payload: dict[str, Any], page: PageReader) -> None:
        """Perhaps write a private comment, then perhaps choose a platform."""
        onward = {key: payload[key] for key in ("address", "number", "link", "name")}
        form = next((f for f in page.forms if f.texts and not f.choices.keys() & {"score", "stars"}), None)
        if form and who.comments and who.score is not None:
            words = phrases.comment_text(self._seed, payload["address"], who.score)
            filled = {**form.filled, form.texts[0]: words}
            self._plan("comment", 1.5, **onward, method=form.method, action=form.action, filled=filled)
        platforms = _platforms(page.links)
        if platforms and who.chooses_after is not None:
            favourite = platforms[min(int(who.taste * len(platforms)), len(platforms) - 1)]
            self._plan("choose", who.chooses_after, **onward, platform=favourite.address, words=favourite.words)

    async def _comment(self, payload: dict[str, Any]) -> None:
        await self._page("comment", payload, Form(payload["method"], payload["action"], payload["filled"]))

    async def _choose(self, payload: dict[str, Any]) -> None:
        """Follow a platform link as far as web/ leads; the platform itself is off this machine."""
        who = self._who(payload)
        answer = await self._ask("choose", payload, Form("GET", payload["platform"]))
        if answer is not None and answer.status_code < 400:
            self._plan_review(who, payload, answer.headers.get("location", ""), payload["words"])

    def _plan_review(self, who: Character, payload: dict[str, Any], address: str, words: str) -> None:
        if who.reviews_after is not None:
            site = site_of(address, words.lower() or "unknown")
            self._plan("review", who.reviews_after, **{**payload, "site": site})

    async def _review(self, payload: dict[str, Any]) -> None:
        """Post a review on the site."""
        who = self._who(payload)
        if who.score is None:
            return
        stars = stars_for(who.score)
        self._reviews.post(
            token=urlsplit(payload["link"]).path.split("/")[2],
            site=payload["site"],
            name=payload["name"],
            stars=stars,
            body=phrases.review_text(self._seed, payload["address"], stars),
            at=self._store.now(),
        )

    async def _write_back(self, payload: dict[str, Any]) -> None:
        self._texts.receive(payload["address"], phrases.reply_text(self._seed, payload["address"]))

    async def _unsubscribe(self, mail: sqlite3.Row) -> None:
        """One-click, as a mail program does it (RFC 8058): a bare POST."""
        browser = Browser(self._lines, BROWSERS[0])
        answer = await browser.open(mail["unsubscribe"], "POST", {"List-Unsubscribe": "One-Click"})
        answer.raise_for_status()


def _links(text: str) -> list[str]:
    """Every address in a text or its HTML, once each, in order."""
    found = [address.replace("&amp;", "&").rstrip(".,;:!?") for address in ADDRESSES.findall(text)]
    return list(dict.fromkeys(found))


def _platforms(links: list[Link]) -> list[Link]:
    """The links of a review page that lead to a platform: /r/{token}/p/{platform}."""
    return [link for link in links if re.search(r"/r/[^/]+/p/[^/?#]+", urlsplit(link.address).path)]
