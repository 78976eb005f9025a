"""How pages are written: templates, the one style sheet, the location's colour, and the pages for when things fail."""

import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from web import colours
from web.texts import ENGLISH, Texts

_HERE = Path(__file__).parent
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # the address changes when the content does


class Looks:
    """Writes pages in one language."""

    def __init__(self, texts: Texts = ENGLISH) -> None:
        self.texts = texts
        self.style = (_HERE / "static" / "pages.css").read_bytes()
        self.style_path = f"/static/pages-{hashlib.sha256(self.style).hexdigest()[:12]}.css"
        self.environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters["fill"] = lambda text, **values: text.format(**values)

    def routes(self) -> list[Route]:
        """The style sheet, any location's colour, and what a browser asks for unasked."""
        return [
            Route(self.style_path, self.style_sheet, methods=["GET"]),
            Route("/brand/{color}.css", self.brand, methods=["GET"]),
            Route("/", self.home, methods=["GET"]),
            Route("/favicon.ico", self.no_icon, methods=["GET"]),
        ]

    def page(self, template: str, *, status: int = 200, color: str = colours.DEFAULT, **values: Any) -> HTMLResponse:
        """A page in a location's colour."""
        html = self.environment.get_template(template).render(
            t=self.texts,
            style_path=self.style_path,
            brand_path=f"/brand/{colours.checked(color)[1:].lower()}.css",
            **values,
        )
        return HTMLResponse(html, status)

    def notice(self, status: int) -> HTMLResponse:
        """A kind page for a request that leads nowhere; it says nothing about why."""
        t = self.texts
        title, text = {
            400: (t.refused_title, t.refused),
            413: (t.refused_title, t.too_large),
            500: (t.broken_title, t.broken),
        }.get(status, (t.missing_title, t.missing))
        return self.page("notice.html", status=status, title=title, text=text)

    async def refuse(self, request: Request, problem: Exception) -> Response:
        """Starlette's handler for HTTPException: words for people, a word for providers."""
        status = problem.status_code if isinstance(problem, HTTPException) else 500
        headers = problem.headers if isinstance(problem, HTTPException) else None
        if request.url.path.startswith("/callbacks/"):
            return PlainTextResponse("refused", status, headers=headers)
        page = self.notice(status)
        page.headers.update(headers or {})
        return page

    async def home(self, request: Request) -> Response:
        """For somebody who typed the address: what this is, and nothing about whose."""
        return self.page("notice.html", title=self.texts.home_title, text=self.texts.home)

    async def style_sheet(self, request: Request) -> Response:
        """The one style sheet, under a name made of its content."""
        return Response(self.style, media_type="text/css", headers=_FOREVER)

    async def brand(self, request: Request) -> Response:
        """A colour is its own address: nothing to look up, nothing to learn."""
        color = f"#{request.path_params['color']}"
        if color != colours.checked(color):
            raise HTTPException(404)
        return Response(colours.style_sheet(color), media_type="text/css", headers=_FOREVER)

    async def no_icon(self, request: Request) -> Response:
        """Browsers ask for one by themselves; a page of ours has none."""
        return Response(status_code=204, headers=_FOREVER)
