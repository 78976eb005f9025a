"""The sandbox as Twilio fetches a text's pictures: what it takes, what it asks for, when the text fails for them."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.connectors.server import Answer, Received, Stub, stub
from tests.connectors.test_sandbox_twilio import fetch, judged
from tests.sandbox import TWILIO_FROM, Sandbox, running_sandbox

pytestmark = pytest.mark.slow
JPEG, PNG = b"\xff\xd8\xff\xe0 a photo", b"\x89PNG\r\n\x1a\n a logo"


@pytest.fixture(scope="module")
def pictures() -> Iterator[Stub]:
    """Where web/ would be."""
    served = {
        "/m/photo": (200, JPEG, "image/jpeg"),
        "/m/logo": (200, PNG, "image/png"),
        "/m/lie": (200, b"<svg/>", "image/jpeg"),
        "/m/page": (200, b"<html>", "text/html"),
        "/m/huge": (200, JPEG + bytes(5 * 1024 * 1024), "image/jpeg"),
    }

    def answer(request: Received) -> Answer:
        status, content, media_type = served.get(request.path, (404, b"", "text/html"))
        return Answer(status, b"" if request.method == "HEAD" else content, {"Content-Type": media_type})

    with stub() as it:
        it.answer = answer
        yield it


@pytest.fixture(scope="module")
def sandbox(pictures: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), public_url=pictures.url, pace=0.02) as it:
        yield it


def create(sandbox: Sandbox, *urls: str, to: str = "+13125550111") -> requests.Response:
    form: dict[str, Any] = {"To": to, "From": TWILIO_FROM, "Body": "How was it?", "MediaUrl": urls}
    return requests.post(f"{sandbox.twilio}/Messages.json", data=form, auth=sandbox.twilio_auth, timeout=10)


def test_the_pictures_of_a_text_are_fetched_once_before_it_leaves(sandbox: Sandbox, pictures: Stub) -> None:
    answer = create(sandbox, f"{pictures.url}/m/photo", f"{pictures.url}/m/logo")
    judged(answer)
    sid = answer.json()["sid"]
    assert (answer.status_code, sid[:2], answer.json()["num_media"]) == (201, "MM", "2")
    sandbox.wait_until_quiet()
    assert fetch(sandbox, sid)["status"] == "delivered"
    asked = [(r.method, r.path) for r in pictures.received if r.path in ("/m/photo", "/m/logo")]
    assert asked == [("HEAD", "/m/photo"), ("GET", "/m/photo"), ("HEAD", "/m/logo"), ("GET", "/m/logo")]
    [row] = [row for row in sandbox.record() if row["provider_message_id"] == sid]
    assert row["media"] == [
        {"media_type": "image/jpeg", "size": len(JPEG)}, {"media_type": "image/png", "size": len(PNG)},
    ]  # fmt: skip


def test_a_text_fails_with_twilios_code_when_a_picture_cannot_be_had(sandbox: Sandbox, pictures: Stub) -> None:
    codes = {"gone": 11200, "lie": 12300, "page": 12300, "huge": 11751}
    sids = {
        path: create(sandbox, f"{pictures.url}/m/photo", f"{pictures.url}/m/{path}").json()["sid"] for path in codes
    }
    dead = create(sandbox, "http://127.0.0.1:9/m/photo").json()["sid"]
    sandbox.wait_until_quiet()
    for sid, code in [*((sids[path], code) for path, code in codes.items()), (dead, 11200)]:
        message = fetch(sandbox, sid)
        assert (message["status"], message["error_code"], message["date_sent"]) == ("failed", code, None)
        assert message["error_message"]


def test_an_address_that_is_none_or_an_eleventh_picture_is_refused(sandbox: Sandbox, pictures: Stub) -> None:
    for urls, code in ((["ftp://x.example/a.jpg"], 21620), (["photo.jpg"], 21620), ([pictures.url] * 11, 21623)):
        answer = create(sandbox, *urls)
        assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_no_picture_is_fetched_from_another_machine(sandbox: Sandbox) -> None:
    sid = create(sandbox, "https://pictures.example/a.jpg").json()["sid"]
    sandbox.wait_until_quiet()
    assert fetch(sandbox, sid)["status"] == "delivered"
