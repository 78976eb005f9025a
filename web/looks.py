"""How pages are written: templates, the one style with the location's colour in it, and pages for when things fail.

A page is one request: its style and the business's logo are inside it. The style is allowed by its hash; a script is
never allowed, and none is there.
"""

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache, lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from web import colours, phrases
from web.headers import page_policy
from web.languages import languages, texts_for
from web.texts import ENGLISH, Texts

LOGO_LIMIT = 14 * 1024  # bytes: in base64 a third more, so that a page stays under 30 kB

_HERE = Path(__file__).parent
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class Style:
    """What stands in a page's <style>, and its SHA-256 in base64."""

    text: str
    sha256: str


class Looks:
    """Writes pages."""

    def __init__(self) -> None:
        self.environment = _environment()
        languages()  # read now: a catalogue that can't be read must not wait for its first reader

    def routes(self) -> list[Route]:
        """What a browser asks for unasked, and a person who typed the address."""
        return [
            Route("/", self.home, methods=["GET"]),
            Route("/favicon.ico", self.no_icon, methods=["GET"]),
        ]

    def page(
        self,
        template: str,
        *,
        texts: Texts,
        status: int = 200,
        color: str = colours.DEFAULT,
        logo: tuple[str, bytes] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """A page in one language and a location's colour. `logo`: its media type and content.

        A logo over LOGO_LIMIT is left out; the name stands beside it anyway.
        """
        style = style_of(color)
        inside = None if logo is None or len(logo[1]) > LOGO_LIMIT else f"data:{logo[0]};base64,{_base64(logo[1])}"
        html = self.environment.get_template(template).render(t=texts, style=style.text, logo=inside, **values)
        headers = {**page_policy(style.sha256), "Content-Language": texts.language}
        return HTMLResponse(html, status, headers=headers)

    def notice(self, status: int, *, accept_language: str = "") -> HTMLResponse:
        """A kind page for a request that leads nowhere; it says nothing about why."""
        t = texts_for(None, accept_language, ENGLISH.language)
        title, text = {
            400: (t.refused_title, t.refused),
            413: (t.refused_title, t.too_large),
            429: (t.crowded_title, t.crowded),
            500: (t.broken_title, t.broken),
            503: (t.broken_title, t.broken),
        }.get(status, (t.missing_title, t.missing))
        return self.page("notice.html", texts=t, status=status, title=title, text=text)

    async def broken(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An application of its own that answers 500, for whoever finds that an endpoint raised."""
        await self._say_no(scope, 500)(scope, receive, send)

    async def refuse(self, request: Request, problem: Exception) -> Response:
        """Starlette's handler for HTTPException: words for people, a word for programs."""
        status = problem.status_code if isinstance(problem, HTTPException) else 500
        answer = self._say_no(request.scope, status)
        answer.headers.update((problem.headers if isinstance(problem, HTTPException) else None) or {})
        return answer

    def _say_no(self, scope: Scope, status: int) -> Response:
        """A page for people, a word for providers, JSON for whoever calls a hook."""
        path: str = scope["path"]  # request.url fails on a query in no charset
        if path.startswith("/hooks/"):
            said = (
                "Something broke here. Call again, with the same key." if status >= 500 else HTTPStatus(status).phrase
            )
            return JSONResponse({"message": said, "faults": []}, status)
        if path.startswith("/callbacks/"):
            return PlainTextResponse(
                "refused" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "not stored; try again", status
            )
        return self.notice(status, accept_language=Headers(scope=scope).get("accept-language", ""))

    async def home(self, request: Request) -> Response:
        """For somebody who typed the address: what this is, and nothing about whose."""
        t = texts_for(None, request.headers.get("accept-language", ""), ENGLISH.language)
        return self.page("notice.html", texts=t, title=t.home_title, text=t.home)

    async def no_icon(self, request: Request) -> Response:
        """Some browsers ask for one by themselves; a page of ours has none."""
        return Response(status_code=204, headers=_FOREVER)


@cache
def _environment() -> Environment:
    """One for a process, however many applications it makes: each template is compiled once."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(fill=phrases.fill, say=phrases.say)
    environment.globals.update(problem=None, is_told=False, chosen=None)
    return environment


@lru_cache(maxsize=256)  # one for each location's colour
def style_of(color: str) -> Style:
    """The style of pages in a location's colour."""
    text = f"{colours.style_sheet(color)}{_pages_css()}"
    return Style(text, _base64(hashlib.sha256(text.encode()).digest()))


@cache
def _pages_css() -> str:
    """static/pages.css without what only we read: comments and indents."""
    text = (_HERE / "static" / "pages.css").read_text(encoding="utf-8")
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)).strip()


def _base64(content: bytes) -> str:
    return b64encode(content).decode("ascii")
