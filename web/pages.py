"""What the customer sees: the review page, the way to a platform, the pixel, the unsubscribe page.

GET never changes what is asked of anybody: it notes a visit. HEAD notes a machine's: a browser shows a page by GET.
Which template is shown depends on the location's mode and on whether there is an answer, never on which.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from data.ledger.logos import read_logo
from data.ledger.responses import Platform
from data.ledger.store import Ledger
from data.words import PageMode
from invitations import respond
from invitations.evidence import Visit
from invitations.links import is_web
from web.bodies import read_form
from web.languages import texts_for
from web.looks import Looks
from web.machines import visit_of
from web.notes import Notes
from web.texts import Texts
from web.threads import WRITES_AT_ONCE, LedgerThreads

T = TypeVar("T")

_SCORES = {str(score): score for score in range(11)}
_STARS = {str(stars): stars for stars in range(1, 6)}
_TEMPLATES = {
    PageMode.SCORE: "question.html",
    PageMode.STARS: "stars.html",
    PageMode.PLATFORMS: "platforms.html",
    PageMode.DIRECT: "platforms.html",  # after a private message that was under way when the mode changed
}
_MOST_LOGOS = 200  # kept in memory, of some kilobytes each
_LONGEST_KEY = 15  # digits: what both databases take as a number
# One transparent pixel: the smallest GIF89a.
_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


class Pages:
    """The customers' routes."""

    def __init__(self, ledger: Ledger, looks: Looks, threads: LedgerThreads) -> None:
        self.ledger = ledger
        self.threads = threads
        self.writes = LedgerThreads(WRITES_AT_ONCE)
        self.notes = Notes(ledger)
        self.looks = looks
        self._logos: dict[str, tuple[str, bytes]] = {}  # by hash: what is under one never changes

    def routes(self) -> Sequence[Route]:
        """Everything that a message's links lead to."""
        return [
            Route("/r/{token}", self.review_page, methods=["GET"]),
            Route("/r/{token}", self.take_answer, methods=["POST"]),
            Route("/r/{token}/p/{platform_id}", self.go_to_platform, methods=["GET"]),
            Route("/o/{token}.gif", self.pixel, methods=["GET"]),
            Route("/u/{token}", self.unsubscribe_page, methods=["GET"]),
            Route("/u/{token}", self.unsubscribe, methods=["POST"]),
        ]

    async def review_page(self, request: Request) -> Response:
        """What the location asks first; with an answer, or where nothing is asked, the platforms: the same for all.

        A mail may bring an answer along (`?score=9`, `?stars=5`): it is shown, and waits to be confirmed by a press.
        """
        token = _token(request)
        page = await self._run(lambda now: respond.open_review_page(self.ledger, token, now=now))
        if page is None:
            raise HTTPException(404)
        after = request.query_params.get("after")  # our own redirect after a form: no new visit
        if after is None:
            visit = visit_of(request)
            direct = page.direct
            if direct is not None:
                return await self._lead_to(token, direct, visit)
            await self.notes.take(lambda now: respond.note_click(self.ledger, token, visit=visit, now=now))
        known, asked = (_STARS, "stars") if page.mode is PageMode.STARS else (_SCORES, "score")
        chosen = known.get(request.query_params.get(asked, ""))
        return await self._review(request, token, page, is_told=after == "comment", chosen=chosen)

    async def _lead_to(self, token: str, platform: Platform, visit: Visit) -> Response:
        """On to a platform; that the choice could not be noted must not hold anybody up."""
        key = platform.platform_id
        await self.notes.take(lambda now: respond.choose_platform(self.ledger, token, key, visit=visit, now=now))
        return RedirectResponse(platform.url, 302)

    async def take_answer(self, request: Request) -> Response:
        """A number, stars, a private message, or one of the first two with the third, in one form."""
        token, form = _token(request), await read_form(request)
        score, stars, comment = (form.get(name) for name in ("score", "stars", "comment"))
        is_read = score in _SCORES if score is not None else stars in _STARS if stars is not None else False
        if not is_read and (score is not None or stars is not None or comment is None):
            return await self._ask_again(request, token, is_of_stars=stars is not None)
        if score is not None:
            number = _SCORES[score]
            await self._take(lambda now: respond.take_score(self.ledger, token, number, now=now))
        elif stars is not None:
            given = _STARS[stars]
            await self._take(lambda now: respond.take_stars(self.ledger, token, given, now=now))
        if comment is not None:
            await self._take(lambda now: respond.take_comment(self.ledger, token, comment, now=now))
        is_said = comment is not None and bool(comment.strip())
        return RedirectResponse(f"/r/{token}?after={'comment' if is_said else 'score'}", 303)

    async def _take(self, work: Callable[[datetime], bool]) -> None:
        if not await self._write(work):
            raise HTTPException(404)

    async def _ask_again(self, request: Request, token: str, *, is_of_stars: bool) -> Response:
        page = await self._run(lambda now: respond.open_review_page(self.ledger, token, now=now))
        if page is None:
            raise HTTPException(404)
        texts = _texts(request, page)
        problem = texts.choose_stars if is_of_stars or page.mode is PageMode.STARS else texts.choose_number
        return await self._review(request, token, page, problem=problem, status=400)

    async def go_to_platform(self, request: Request) -> Response:
        """On to the stored address of one of the location's visible platforms; nowhere else, ever."""
        token, number = _token(request), request.path_params["platform_id"]
        if not (number.isascii() and number.isdecimal() and len(number) <= _LONGEST_KEY):
            raise HTTPException(404)
        page = await self._run(lambda now: respond.open_review_page(self.ledger, token, now=now))
        shown = () if page is None else page.platforms
        platform = next((one for one in shown if one.platform_id == int(number) and is_web(one.url)), None)
        if platform is None:
            raise HTTPException(404)
        return await self._lead_to(token, platform, visit_of(request))

    async def pixel(self, request: Request) -> Response:
        """An open. The picture is the same whether the token is known or not."""
        token, visit = request.path_params["token"], visit_of(request)
        if is_token(token):
            await self.notes.take(lambda now: respond.note_open(self.ledger, token, visit=visit, now=now))
        return Response(_PIXEL, media_type="image/gif")

    async def unsubscribe_page(self, request: Request) -> Response:
        """A button. Mail scanners fetch this page, so looking at it unsubscribes nobody."""
        token = _token(request)
        page = await self.threads.run(lambda: respond.open_unsubscribe_page(self.ledger, token))
        if page is None:
            raise HTTPException(404)
        visit = visit_of(request)
        await self.notes.take(lambda now: respond.note_way_out(self.ledger, token, visit=visit, now=now))
        return await self._show(
            request, page, "unsubscribe.html", token=token, is_done=page.is_unsubscribed, scope=None
        )

    async def unsubscribe(self, request: Request) -> Response:
        """The button, or a mail program's one-click (RFC 8058), which shows the answer to nobody.

        A no needs no field: one that comes with a body that nobody can read is a no to everything all the same.
        """
        token, form = _token(request), dict[str, str]()
        with suppress(HTTPException):
            form.update(await read_form(request))
        is_channel_only = form.get("scope") == "channel"
        page = await self.threads.run(lambda: respond.open_unsubscribe_page(self.ledger, token))
        if page is None or not await self._write(
            lambda now: respond.unsubscribe(
                self.ledger, token, is_channel_only=is_channel_only, is_one_click="scope" not in form, now=now
            )
        ):
            raise HTTPException(404)
        scope = page.channel if is_channel_only and not page.is_unsubscribed else None
        return await self._show(request, page, "unsubscribe.html", token=token, is_done=True, scope=scope)

    async def _review(
        self,
        request: Request,
        token: str,
        page: respond.ReviewPage,
        *,
        is_told: bool = False,
        chosen: int | None = None,
        problem: str | None = None,
        status: int = 200,
    ) -> Response:
        template = "thanks.html" if page.is_scored else _TEMPLATES[page.mode]
        told = {"is_told": is_told, "chosen": chosen, "problem": problem}
        return await self._show(request, page, template, status=status, token=token, **told)

    async def _show(
        self,
        request: Request,
        page: respond.ReviewPage | respond.UnsubscribePage,
        template: str,
        *,
        status: int = 200,
        **values: object,
    ) -> Response:
        """A page in the visitor's language and the location's look."""
        logo = await self._logo(page.logo)
        return self.looks.page(
            template, texts=_texts(request, page), status=status, color=page.color, logo=logo, page=page, **values
        )

    async def _logo(self, digest: str | None) -> tuple[str, bytes] | None:
        """Media type and content, read once; None where there is none, or it was replaced this very moment."""
        if digest is None or digest in self._logos:
            return self._logos.get(digest or "")
        found = await self.threads.run(lambda: self._read_logo(digest))
        if found is not None:
            if len(self._logos) >= _MOST_LOGOS:
                self._logos.clear()
            self._logos[digest] = found
        return found

    def _read_logo(self, digest: str) -> tuple[str, bytes] | None:
        with self.ledger.read() as connection:
            return read_logo(connection, digest)

    async def _run(self, work: Callable[[datetime], T]) -> T:
        """Ledger calls wait for the disk: they run in a thread, with policy time read there too."""
        return await self.threads.run(lambda: work(self.ledger.policy_now()))

    async def _write(self, work: Callable[[datetime], T]) -> T:
        return await self.writes.run(lambda: work(self.ledger.policy_now()))


def _texts(request: Request, page: respond.ReviewPage | respond.UnsubscribePage) -> Texts:
    """The customer's own language, else the browser's, else the location's."""
    return texts_for(page.locale, request.headers.get("accept-language", ""), page.language)


def _token(request: Request) -> str:
    token: str = request.path_params["token"]
    if not is_token(token):
        raise HTTPException(404)
    return token


def is_token(token: str) -> bool:
    """Whether it looks like one of ours (url-safe base64, at most 24 signs); anything else never meets the database."""
    return len(token) <= 24 and token.isascii() and token.replace("-", "").replace("_", "").isalnum()
