"""Reading what was posted: never more than a limit, and forms without trusting a byte of them."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

FORM_LIMIT = 64 * 1024  # bytes; 4,000 characters of any script, percent-encoded, fit


async def read_body(request: Request, limit: int) -> bytes:
    """The raw body. Raises HTTPException 413 as soon as more than `limit` bytes are announced or have come."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise HTTPException(413)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise HTTPException(413)
    return bytes(body)


async def read_form(request: Request) -> Mapping[str, str]:
    """The first value of each field of an urlencoded form; {} for any other kind of body.

    One-click unsubscribing may come as multipart/form-data (RFC 8058, section 3.1) or with nothing: it needs no field.
    """
    body = await read_body(request, FORM_LIMIT)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:  # not UTF-8, or more fields than any form of ours has
        raise HTTPException(400) from None
    return dict(reversed(fields))
