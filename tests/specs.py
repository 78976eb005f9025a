"""Judges requests and answers by the providers' own OpenAPI files, with openapi-core.

They are not ours to copy: they lie beside the checkout (`../shared/specs`) or where AFTERWORD_SPECS names them. Where
they are absent `judge` finds no fault and `specs_header` says so, in the one line that opens every test run.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

FILES = {
    "twilio": "twilio/twilio_api_v2010.json",
    "twilio-content": "twilio/twilio_content_v1.json",
    "mailgun": "mailgun/openapi.yaml",
}
HOSTS = {
    "twilio": "https://api.twilio.com",
    "twilio-content": "https://content.twilio.com",
    "mailgun": "https://api.mailgun.net",
}


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as they travelled. Header names in any case."""

    method: str
    target: str  # path and query
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer: bytes
    answer_headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


def specs_folder() -> Path | None:
    """Where the providers' files are; None where there are none. A folder that AFTERWORD_SPECS names must exist."""
    named = os.environ.get("AFTERWORD_SPECS")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "specs"
    if all((folder / file).is_file() for file in FILES.values()):
        return folder
    if named:
        raise FileNotFoundError("AFTERWORD_SPECS names a folder without the providers' OpenAPI files")
    return None


def specs_header() -> str:
    """One line for pytest's header."""
    if specs_folder():
        return "Provider specs: requests and answers are judged by the providers' own OpenAPI files"
    return "Provider specs: NONE HERE (no ../shared/specs, no AFTERWORD_SPECS): nothing is judged by them"


def judge(provider: str, exchanges: Sequence[Exchange]) -> list[str]:
    """The faults found, each naming method, path and field; empty when all is well, or where there are no files."""
    folder = specs_folder()
    if folder is None:
        return []
    api, document = load(folder / FILES[provider])
    faults = []
    for exchange in exchanges:
        request, response = _Request(provider, exchange), _Response(exchange)
        told = f"{exchange.method} {request.path} {exchange.status}"
        faults += [f"{told}, request: {_words(error)}" for error in api.iter_request_errors(request)]
        operation = _operation(document, request)
        faults += [f"{told}, request: unknown name {name}" for name in _unknown_names(document, operation, request)]
        if str(exchange.status) in operation.get("responses", {}) and exchange.status < 400:  # refusals: no schema
            faults += [f"{told}, answer: {_words(error)}" for error in api.iter_response_errors(request, response)]
            if provider != "mailgun":  # Mailgun's own schema of events lacks fields that its own examples show
                faults += [f"{told}, answer: unknown key {key}" for key in _unknown_keys(document, operation, exchange)]
    return faults


@cache
def load(file: Path) -> tuple[OpenAPI, dict[str, Any]]:
    """One of their files, as openapi-core reads it and as it is written."""
    text = file.read_text(encoding="utf-8")
    # C's loader: Python's own takes many seconds for 690 KB.
    document = json.loads(text) if file.suffix == ".json" else yaml.load(text, getattr(yaml, "CSafeLoader"))  # noqa: B009, S506
    # Not checked against the standard themselves: they are the providers', and it takes twelve seconds.
    return OpenAPI.from_dict(document, config=Config(spec_validator_cls=None)), document


def _words(error: BaseException) -> str:
    """An error and what caused it: openapi-core's own text only says that a body is invalid."""
    parts = []
    current: BaseException | None = error
    while current is not None:
        details = getattr(current, "schema_errors", None)
        parts.append(type(current).__name__ + (f": {'; '.join(d.message for d in details)}" if details else ""))
        current = current.__cause__
    return " < ".join(parts)


class _Request:
    """openapi-core's Request protocol over an Exchange, as if it had gone to the provider's own host."""

    def __init__(self, provider: str, exchange: Exchange) -> None:
        parts = urlsplit(exchange.target)
        headers = Headers(list(exchange.headers.items()))
        self.host_url = HOSTS[provider]
        self.path = parts.path
        self.method = exchange.method.lower()
        self.posted = exchange.body
        self.body = _without_files(exchange.body) or None
        self.content_type = headers.get("Content-Type", "")
        self.query = parse_qsl(parts.query, keep_blank_values=True)
        self.parameters = RequestParameters(query=ImmutableMultiDict(self.query), header=headers)


def _without_files(body: bytes) -> bytes:
    """A multipart form without its files: openapi-core reads their bytes, and holds that bytes are no string."""
    return re.sub(rb'--[^\r\n]+\r\n[^\r\n]+; filename="[^"]+"\r\n.*?\r\n(?=--)', b"", body, flags=re.DOTALL)


class _Response:
    """openapi-core's Response protocol over an Exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.status_code = exchange.status
        self.headers = Headers(list(exchange.answer_headers.items()))
        self.content_type = self.headers.get("Content-Type", "").partition(";")[0]
        self.data = exchange.answer


def _operation(document: dict[str, Any], request: _Request) -> dict[str, Any]:
    """The operation of a path; the longest fixed text wins (`/Messages.json` over `/{Sid}.json`)."""
    wanted = request.path.split("/")
    found: list[tuple[int, dict[str, Any]]] = []
    for pattern, operations in document["paths"].items():
        parts = pattern.split("/")
        if len(parts) == len(wanted) and request.method in operations and all(map(_fits, parts, wanted)):
            fixed = sum(len(part) for part in parts if "{" not in part)
            found.append((fixed, operations[request.method]))
    return max(found, key=lambda pair: pair[0])[1] if found else {}


def _fits(pattern: str, part: str) -> bool:
    if "{" not in pattern:
        return pattern == part
    prefix, _, rest = pattern.partition("{")
    return part.startswith(prefix) and part.endswith(rest.partition("}")[2])


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        node: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            node = node[step.replace("~1", "/").replace("~0", "~")]
        schema = node
    return schema


def _unknown_names(document: dict[str, Any], operation: dict[str, Any], request: _Request) -> Iterator[str]:
    """Names in query or form that the provider's file does not list: openapi-core lets them pass."""
    known = {p["name"] for p in operation.get("parameters", []) if p.get("in") == "query"}
    yield from (name for name, _ in request.query if name not in known)
    content = operation.get("requestBody", {}).get("content", {})
    if not content or not request.body:
        return
    if request.content_type.startswith("application/json"):
        yield from _walk_keys(document, content["application/json"]["schema"], json.loads(request.body))
        return
    properties = set(_resolve(document, next(iter(content.values()))["schema"]).get("properties", {}))
    for name in form_names(request.content_type, request.posted):
        if name not in properties and not name.startswith(("h:", "v:")):  # those two prefixes are open by definition
            yield name


def form_names(content_type: str, body: bytes) -> list[str]:
    """The field names of a posted form, urlencoded or multipart."""
    if "multipart/form-data" not in content_type.lower():
        return [name for name, _ in parse_qsl(body.decode(), keep_blank_values=True)]
    marker = b'form-data; name="'
    return [part.partition(b'"')[0].decode() for part in body.split(marker)[1:]]


def _unknown_keys(document: dict[str, Any], operation: dict[str, Any], exchange: Exchange) -> Iterator[str]:
    """Keys of a JSON answer, and of the objects in its lists, that the schema does not list."""
    content = operation["responses"][str(exchange.status)].get("content", {}).get("application/json")
    if content and exchange.answer:
        yield from _walk_keys(document, content["schema"], json.loads(exchange.answer))


def _walk_keys(document: dict[str, Any], schema: dict[str, Any], value: Any) -> Iterator[str]:
    schema = _resolve(document, schema)
    if isinstance(value, list):
        for item in value:
            yield from _walk_keys(document, schema.get("items", {}), item)
    elif isinstance(value, dict) and "properties" in schema:
        for key, inner in value.items():
            if key in schema["properties"]:
                yield from _walk_keys(document, schema["properties"][key], inner)
            else:
                yield key
