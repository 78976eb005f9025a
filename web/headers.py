"""What every answer says to browsers: nothing from elsewhere, no script, no referrer, no guessing of types."""

from collections.abc import Iterable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "content-security-policy"


def page_policy(*style_hashes: str) -> Mapping[str, str]:
    """The header with which a page allows its own styles and the pictures inside it, and nothing else; no script ever.

    `style_hashes` are the SHA-256 in base64 of the texts between <style> and </style>, to the byte: what somebody
    smuggles in has another (https://www.w3.org/TR/CSP3/#match-element-to-source-list).
    """
    return {POLICY: _policy([f"'sha256-{each}'" for each in style_hashes] or ["'none'"], ["'self'", "data:"])}


def _policy(styles: Iterable[str], pictures: Iterable[str]) -> str:
    return (
        f"default-src 'none'; style-src {' '.join(styles)}; img-src {' '.join(pictures)}; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


_ALWAYS: Mapping[str, str] = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",  # for browsers older than frame-ancestors
    "x-robots-tag": "noindex, nofollow",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
}
_UNLESS_SAID: Mapping[str, str] = {POLICY: _policy(["'none'"], ["'self'"]), "cache-control": "no-store"}


class SafeHeaders:
    """Adds the headers above to each answer, which may say itself only how long it is kept and which styles it has.

    Names and values are encoded once: setting each by Starlette's MutableHeaders costs a callback more than routing it.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self.app = app
        self.always = safe_headers(is_https=is_https)
        self.names = frozenset(name for name, _ in self.always)
        self.unless_said = _encoded(_UNLESS_SAID)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [pair for pair in message["headers"] if pair[0] not in self.names]
                said = {name for name, _ in own}
                default = [pair for pair in self.unless_said if pair[0] not in said]
                message["headers"] = [*own, *self.always, *default]
            await send(message)

        await self.app(scope, receive, adding)


def bare_headers(*, is_https: bool) -> list[tuple[bytes, bytes]]:
    """All of it, for an answer that is written without the application."""
    return safe_headers(is_https=is_https) + _encoded(_UNLESS_SAID)


def safe_headers(*, is_https: bool) -> list[tuple[bytes, bytes]]:
    """What every answer carries, whoever writes it."""
    return _encoded({**_ALWAYS, "strict-transport-security": "max-age=31536000"} if is_https else _ALWAYS)


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
