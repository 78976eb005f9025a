"""Where a provider fetches the pictures of a text: an address of 72 random bits that lives for a day.

Twilio asks with HEAD and GET, believes the Content-Type only if it is the content's own, and takes the name to show
from Content-Disposition (twilio.com/docs/messaging/guides/accepted-mime-types). Who asks for a link that is not there,
or no longer, learns nothing: each gets the same page.
"""

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from data.ledger.pictures import LINK_BYTES, read_by_link
from data.ledger.store import Ledger
from web.pages import is_token
from web.threads import LedgerThreads

_LENGTH = LINK_BYTES * 4 // 3  # characters of url-safe base64
# A type that is not here is never sent: what browsers take for a page, or a program, has no way through.
_NAMES: Mapping[str, str] = {"image/jpeg": "photo.jpg", "image/png": "photo.png"}


class Pictures:
    """The one route. Nothing is noted: that a provider fetched a picture says nothing of the customer."""

    def __init__(self, ledger: Ledger, threads: LedgerThreads) -> None:
        self.ledger = ledger
        self.threads = threads

    def routes(self) -> Sequence[Route]:
        """GET, and HEAD with it."""
        return [Route("/m/{token}", self.picture, methods=["GET"])]

    async def picture(self, request: Request) -> Response:
        """The whole picture, whatever range is asked for; kept by nobody on the way (`no-store`), as all answers."""
        token = request.path_params["token"]
        if len(token) != _LENGTH or not is_token(token):
            raise HTTPException(404)
        found = await self.threads.run(lambda: self._read(token))
        if found is None or found[0] not in _NAMES:
            raise HTTPException(404)
        media_type, content = found
        named = f'inline; filename="{_NAMES[media_type]}"'
        return Response(content, media_type=media_type, headers={"Content-Disposition": named, "Accept-Ranges": "none"})

    def _read(self, token: str) -> tuple[str, bytes] | None:
        with self.ledger.read() as connection:
            return read_by_link(connection, token)
