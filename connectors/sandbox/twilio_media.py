"""The pictures of a text: which addresses Twilio takes, and how it fetches them before the text leaves.

https://www.twilio.com/docs/messaging/guides/accepted-mime-types: HEAD, then GET; the Content-Type must be the content's
own; 5 MB in all. A text whose picture cannot be had fails: https://www.twilio.com/docs/api/errors/11200, 12300, 11751;
on WhatsApp 63019.
"""

import sqlite3
from collections.abc import Sequence
from urllib.parse import urlsplit

import requests

from connectors.sandbox.browser import Lines
from connectors.sandbox.settings import is_loopback
from connectors.sandbox.store import Store

MOST, MOST_BYTES = 10, 5 * 1024 * 1024
TEXTS = "select *, (select count(*) from text_media where text_media.sid = texts.sid) as num_media from texts"
NOT_HAD, WRONG_TYPE, TOO_LARGE, NOT_HAD_WHATSAPP = 11200, 12300, 11751, 63019
FAILURES = {
    NOT_HAD: "HTTP retrieval failure",
    WRONG_TYPE: "Invalid Content-Type",
    TOO_LARGE: "MMS -> Media exceeds messaging provider size limit",
    NOT_HAD_WHATSAPP: "Media failed to download",
}
_BEGINNINGS = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "image/gif": b"GIF8"}


class TwilioMedia:
    """Notes and fetches. An address off this machine is never called, and taken for good."""

    def __init__(self, store: Store, lines: Lines) -> None:
        self._store = store
        self._lines = lines

    def what_is_wrong(self, addresses: Sequence[str]) -> int | None:
        """The error code that a create's MediaUrls deserve, if any."""
        if len(addresses) > MOST:
            return 21623
        parts = [urlsplit(address) for address in addresses]
        return 21620 if any(p.scheme not in {"http", "https"} or not p.hostname for p in parts) else None

    def note(self, sid: str, addresses: Sequence[str]) -> None:
        """Keep the addresses of a text just taken."""
        self._store.write_many(
            "insert into text_media (sid, position, url) values (?, ?, ?)",
            [(sid, position, address) for position, address in enumerate(addresses)],
        )

    async def fetch(self, text: sqlite3.Row) -> int | None:
        """Fetch a text's pictures; the error code with which the text fails when one cannot be had."""
        total = 0
        for row in self._store.rows("select * from text_media where sid = ? order by position", [text["sid"]]):
            if not is_loopback(row["url"]):
                continue
            code, media_type, size = await self._fetch_one(row["url"])
            self._store.write(
                "update text_media set media_type = ?, size = ? where sid = ? and position = ?",
                [media_type, size, row["sid"], row["position"]],
            )
            total += size or 0
            if code is None and total > MOST_BYTES:
                code = TOO_LARGE
            if code is not None:
                return NOT_HAD_WHATSAPP if text["recipient"].startswith("whatsapp:") else code
        return None

    async def _fetch_one(self, address: str) -> tuple[int | None, str | None, int | None]:
        headers = {"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"}
        try:
            announced = await self._lines.call("HEAD", address, headers=headers)
            answer = await self._lines.call("GET", address, headers=headers)
        except requests.RequestException:
            return NOT_HAD, None, None
        if announced.status_code != 200 or answer.status_code != 200:
            return NOT_HAD, None, None
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        beginning = _BEGINNINGS.get(media_type)
        is_own = beginning is not None and answer.content.startswith(beginning)
        is_told = announced.headers.get("content-type") == answer.headers.get("content-type")
        return (None if is_own and is_told else WRONG_TYPE), media_type, len(answer.content)
