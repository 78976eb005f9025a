"""A small OpenID Connect provider on loopback: discovery, code flow, RS256 tokens, JWKS. It knows who a test says.

OpenID Connect Core 1.0 sections 3.1 and 5, Discovery 1.0 section 4, RFC 6749 section 4.1. What a client gets wrong is
refused as a real one would: redirect addresses to the byte, codes once, the client's secret, only known parameters.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "afterword", "s3cret-of-the-client"


@dataclass
class Provider:
    """One running provider. `people`: the claims about each, by the name on their button."""

    url: str
    redirect_uri: str = ""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    signed_in: list[str] = field(default_factory=list)  # by whom codes were turned into tokens
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _key: RSAKey = field(
        default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
    )

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    def page(self, asked: dict[str, str]) -> str:
        """Who wants to sign in? Raises ValueError where the client is none of ours."""
        if asked.get("client_id") != CLIENT_ID or asked.get("redirect_uri") != self.redirect_uri:
            raise ValueError("no such client")
        if asked.get("response_type") != "code" or "openid" not in asked.get("scope", "").split():
            raise ValueError("not OpenID Connect")
        links = (
            f'<p><a href="/as?{escape(urlencode({**asked, "who": who}))}">{escape(who)}</a></p>' for who in self.people
        )
        return f"<!doctype html><title>Provider</title><h1>Who are you?</h1>{''.join(links)}"

    def send_back(self, asked: dict[str, str]) -> str:
        """The address that somebody who said who they are is sent to."""
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return f"{self.redirect_uri}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, authorization: str, form: dict[str, str]) -> dict[str, Any]:
        """The tokens for a code. Raises ValueError where client, code or address are not what was agreed."""
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != f"Basic {expected}" or form.get("grant_type") != "authorization_code":
            raise ValueError("invalid_client")
        asked = self._codes.pop(form.get("code", ""), None)  # a code is good once
        if asked is None or form.get("redirect_uri") != self.redirect_uri:
            raise ValueError("invalid_grant")
        now = int(time.time())
        self.signed_in.append(asked["who"])
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 3600, **self.people[asked["who"]]}
        if "nonce" in asked:
            claims["nonce"] = asked["nonce"]
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self._key)
        return {"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "expires_in": 3600, "id_token": token}


@contextmanager
def oidc_provider() -> Iterator[Provider]:
    """A provider that answers until it is left."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    server.provider = provider  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        try:
            match address.path:
                case "/.well-known/openid-configuration":
                    self._answer(json.dumps(provider.discovery()))
                case "/jwks":
                    self._answer(json.dumps(provider.jwks()))
                case "/authorize":
                    self._answer(provider.page(asked), kind="text/html; charset=utf-8")
                case "/as":
                    self._answer("", HTTPStatus.FOUND, Location=provider.send_back(asked))
                case _:
                    self._answer("", HTTPStatus.NOT_FOUND)
        except ValueError as fault:
            self._answer(json.dumps({"error": str(fault)}), HTTPStatus.BAD_REQUEST)

    def do_POST(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        try:
            self._answer(json.dumps(provider.token(self.headers.get("Authorization", ""), form)))
        except ValueError as fault:
            self._answer(json.dumps({"error": str(fault)}), HTTPStatus.BAD_REQUEST)

    def _answer(
        self, body: str, status: HTTPStatus = HTTPStatus.OK, *, kind: str = "application/json", **headers: str
    ) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the parent's name)
        """Says nothing."""
