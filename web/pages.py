"""What the customer sees: the review page, the way to a platform, the pixel, the unsubscribe page.

GET never changes what is asked of anybody: it notes a visit. HEAD notes a machine's: a browser shows a page by GET.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from data.ledger.store import Ledger
from invitations import respond
from web.bodies import read_form
from web.looks import Looks
from web.machines import visit_of
from web.threads import LedgerThreads

log = structlog.get_logger(__name__)
T = TypeVar("T")

_SCORES = {str(score): score for score in range(11)}
_LONGEST_KEY = 15  # digits: what both databases take as a number
# One transparent pixel: the smallest GIF89a.
_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


class Pages:
    """The customers' routes."""

    def __init__(self, ledger: Ledger, looks: Looks, threads: LedgerThreads) -> None:
        self.ledger = ledger
        self.threads = threads
        self.looks = looks

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
        """The question; once it is answered, the platforms and the private message: the same for every score."""
        token = _token(request)
        page = await self._run(lambda now: respond.open_review_page(self.ledger, token, now=now))
        if page is None:
            raise HTTPException(404)
        after = request.query_params.get("after")  # our own redirect after a form: no new visit
        if after is None:
            visit = visit_of(request)
            await self._note(lambda now: respond.note_click(self.ledger, token, visit=visit, now=now))
        return self._review(token, page, is_told=after == "comment")

    async def take_answer(self, request: Request) -> Response:
        """A score, a private message, or both in one form."""
        token, form = _token(request), await read_form(request)
        score, comment = form.get("score"), form.get("comment")
        if score not in _SCORES and (score is not None or comment is None):
            page = await self._run(lambda now: respond.open_review_page(self.ledger, token, now=now))
            if page is None:
                raise HTTPException(404)
            return self._review(token, page, problem=self.looks.texts.choose_number, status=400)
        if score is not None:
            number = _SCORES[score]
            if not await self._run(lambda now: respond.take_score(self.ledger, token, number, now=now)):
                raise HTTPException(404)
        if comment is not None and not await self._run(
            lambda now: respond.take_comment(self.ledger, token, comment, now=now)
        ):
            raise HTTPException(404)
        is_said = comment is not None and bool(comment.strip())
        return RedirectResponse(f"/r/{token}?after={'comment' if is_said else 'score'}", 303)

    async def go_to_platform(self, request: Request) -> Response:
        """On to the stored address of one of the location's visible platforms; nowhere else, ever."""
        token, number = _token(request), request.path_params["platform_id"]
        if not (number.isascii() and number.isdecimal() and len(number) <= _LONGEST_KEY):
            raise HTTPException(404)
        key, visit = int(number), visit_of(request)
        url = await self._run(lambda now: respond.choose_platform(self.ledger, token, key, visit=visit, now=now))
        if url is None:
            raise HTTPException(404)
        return RedirectResponse(url, 302)

    async def pixel(self, request: Request) -> Response:
        """An open. The picture is the same whether the token is known or not."""
        token, visit = request.path_params["token"], visit_of(request)
        if is_token(token):
            await self._note(lambda now: respond.note_open(self.ledger, token, visit=visit, now=now))
        return Response(_PIXEL, media_type="image/gif")

    async def unsubscribe_page(self, request: Request) -> Response:
        """A button. Mail scanners fetch this page, so looking at it unsubscribes nobody."""
        token = _token(request)
        page = await self.threads.run(lambda: respond.open_unsubscribe_page(self.ledger, token))
        if page is None:
            raise HTTPException(404)
        visit = visit_of(request)
        await self._note(lambda now: respond.note_way_out(self.ledger, token, visit=visit, now=now))
        return self.looks.page("unsubscribe.html", token=token, page=page, is_done=page.is_unsubscribed, scope=None)

    async def unsubscribe(self, request: Request) -> Response:
        """The button, or a mail program's one-click (RFC 8058), which shows the answer to nobody."""
        token, form = _token(request), await read_form(request)
        is_channel_only = form.get("scope") == "channel"
        page = await self.threads.run(lambda: respond.open_unsubscribe_page(self.ledger, token))
        if page is None or not await self._run(
            lambda now: respond.unsubscribe(
                self.ledger, token, is_channel_only=is_channel_only, is_one_click="scope" not in form, now=now
            )
        ):
            raise HTTPException(404)
        scope = page.channel if is_channel_only and not page.is_unsubscribed else None
        return self.looks.page("unsubscribe.html", token=token, page=page, is_done=True, scope=scope)

    def _review(
        self,
        token: str,
        page: respond.ReviewPage,
        *,
        is_told: bool = False,
        problem: str | None = None,
        status: int = 200,
    ) -> Response:
        template = "thanks.html" if page.is_scored else "question.html"
        return self.looks.page(
            template, status=status, color=page.color, token=token, page=page, is_told=is_told, problem=problem
        )

    async def _run(self, work: Callable[[datetime], T]) -> T:
        """Ledger calls wait for the disk: they run in a thread, with policy time read there too."""
        return await self.threads.run(lambda: work(self.ledger.policy_now()))

    async def _note(self, work: Callable[[datetime], bool]) -> None:
        """Note a visit. A ledger too busy to take it must not cost the customer the page."""
        try:
            await self._run(work)
        except sa.exc.OperationalError as problem:
            log.warning("visit_not_noted", problem=type(problem).__name__)


def _token(request: Request) -> str:
    token: str = request.path_params["token"]
    if not is_token(token):
        raise HTTPException(404)
    return token


def is_token(token: str) -> bool:
    """Whether it looks like one of ours (url-safe base64, at most 24 signs); anything else never meets the database."""
    return len(token) <= 24 and token.isascii() and token.replace("-", "").replace("_", "").isalnum()
