"""Where bounces lie: a Maildir, an mbox, a folder, a stream. What was read is not read again; nothing is changed."""

import fcntl
import io
import mailbox
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connectors import BounceMail, ConfigurationError
from connectors.bounce_mailbox import MOST_BYTES, BounceBox, BoxBusy, read_stream
from connectors.registry import bounce_faults, open_bounces
from tests.connectors.test_bounces import mail


def filled(folder: Path, *names: str) -> Path:
    """A Maildir with these mails, as a server delivers them."""
    box = mailbox.Maildir(folder / "Maildir")
    for name in names:
        box.add(mail(name))
    return folder / "Maildir"


def reported(box: BounceBox, since: datetime | None = None) -> list[int]:
    """How many reports each mail made."""
    return [len(one.reports) for one in box.read(since)]


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


def test_a_maildir_is_read_and_left_as_it_was(tmp_path: Path) -> None:
    path = filled(tmp_path, "postfix", "vacation", "complaint")
    (path / "tmp" / "1.half").write_bytes(mail("postfix"))  # has not wholly arrived
    seen = next((path / "new").iterdir())
    seen.rename(path / "cur" / f"{seen.name}:2,S")
    next((path / "new").iterdir()).touch()  # changed last
    before = everything(path)
    assert sorted(reported(BounceBox(path))) == [0, 1, 1]
    came = [one.came_at for one in BounceBox(path).read(None) if one.came_at]
    assert len(came) == 3
    assert came == sorted(came)  # over both folders: a reading that is ended goes on from there
    assert everything(path) == before


def test_a_folder_of_files_is_read_by_their_ending_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(mail("postfix"))
    (tmp_path / "b.EML").write_bytes(mail("vacation"))
    (tmp_path / "notes.txt").write_bytes(mail("postfix"))
    (tmp_path / ".hidden.eml").write_bytes(mail("postfix"))
    (tmp_path / "link.eml").symlink_to(tmp_path / "a.eml")
    assert sorted(reported(BounceBox(tmp_path))) == [0, 1]


def test_what_came_before_is_not_opened_again(tmp_path: Path) -> None:
    path = filled(tmp_path, "postfix")
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert reported(BounceBox(path), since=later) == []
    assert reported(BounceBox(path), since=later - timedelta(minutes=2)) == [1]


def test_a_mail_that_is_brought_with_an_old_date_is_new_all_the_same(tmp_path: Path) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    path = filled(tmp_path, "postfix")
    [file] = (path / "new").iterdir()
    os.utime(file, (0, 0))  # as mbsync does with CopyArrivalDate
    assert reported(BounceBox(path), since=before) == [1]


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    """Two mails, delivered two days ago and now."""
    path = tmp_path / "bounces"
    append(path, "postfix", datetime.now(UTC) - timedelta(days=2))
    append(path, "complaint", datetime.now(UTC))
    return path


def append(path: Path, name: str, at: datetime) -> None:
    """As Postfix does: the local time in the first line."""
    with path.open("ab") as file:
        file.write(f"From MAILER-DAEMON  {at.astimezone().ctime()}\n".encode() + mail(name) + b"\n")


def test_an_mbox_is_read_mail_by_mail_and_left_as_it_was(mbox: Path) -> None:
    before = everything(mbox.parent)
    assert reported(BounceBox(mbox)) == [1, 1]
    assert everything(mbox.parent) == before


def test_of_an_mbox_that_grew_only_what_was_delivered_since_is_read(mbox: Path) -> None:
    hour = timedelta(hours=1)
    assert reported(BounceBox(mbox), since=datetime.now(UTC) - hour) == [1]
    append(mbox, "vacation", datetime.now(UTC))
    assert reported(BounceBox(mbox), since=datetime.now(UTC) - hour) == [1, 0]
    append(mbox, "vacation", datetime.now(UTC) + timedelta(days=400))
    assert reported(BounceBox(mbox), since=datetime.now(UTC) + hour) == []  # unchanged since: not even looked into
    mbox.write_bytes(mbox.read_bytes().replace(b"From MAILER-DAEMON  ", b"From somebody without a date "))
    assert reported(BounceBox(mbox), since=datetime.now(UTC) - hour) == [1, 1, 0, 0]


@pytest.mark.slow
def test_an_mbox_that_a_server_is_writing_waits(mbox: Path) -> None:
    code = (
        "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); "
        "sys.stdin.read()"
    )
    held = [sys.executable, "-S", "-c", code, str(mbox)]
    with subprocess.Popen(held, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"held\n"
        with pytest.raises(BoxBusy):
            reported(BounceBox(mbox))
        server.communicate()
    assert reported(BounceBox(mbox)) == [1, 1]
    with mbox.open("ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_empty_mbox_is_a_box_without_mails_and_one_mail_is_a_box_of_one(tmp_path: Path) -> None:
    empty, single = tmp_path / "empty", tmp_path / "single"
    empty.touch()
    single.write_bytes(mail("postfix"))
    assert reported(BounceBox(empty)) == []
    assert reported(BounceBox(single)) == [1]


def test_a_mail_that_cannot_be_read_is_counted_and_stops_no_other(tmp_path: Path) -> None:
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(2000))
    (tmp_path / "a-ana@example.com.eml").write_bytes(deep)
    (tmp_path / "b.eml").write_bytes(mail("postfix"))
    (tmp_path / "c.eml").write_bytes(b"\xff\x00" * 500)
    with capture_logs() as logs:
        read = list(BounceBox(tmp_path).read(None))
    assert sorted((one.is_unreadable, len(one.reports)) for one in read) == [(False, 0), (False, 1), (True, 0)]
    assert [entry["reason"] for entry in logs] == ["NestedTooDeeply"]
    assert "ana" not in str(logs)


@pytest.mark.slow
def test_of_a_huge_mail_the_beginning_is_read(tmp_path: Path) -> None:
    content = mail("postfix").replace(b"--=_alternative_", b"x" * 10_000_000 + b"--=_alternative_", 1)
    (tmp_path / "huge.eml").write_bytes(content)
    assert reported(BounceBox(tmp_path)) == [1]
    stream = io.BytesIO(content)
    assert len(read_stream(stream).reports) == 1
    assert stream.tell() == len(content) > MOST_BYTES  # or the server that writes it fails
    assert read_stream(io.BytesIO(b"")) == BounceMail()


def test_another_path_is_another_box(tmp_path: Path) -> None:
    names = {BounceBox(tmp_path / name).name for name in ("a", "b", "./a")}
    assert len(names) == 2
    assert max(map(len, names)) <= 64


@pytest.mark.slow
def test_doctor_says_that_bounces_are_not_read_where_a_relay_carries_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("TWILIO_", "MAILGUN_", "AFTERWORD_"))]:
        monkeypatch.delenv(name)
    assert bounce_faults() == []
    assert open_bounces() is None
    monkeypatch.setenv("AFTERWORD_SMTP_URL", "smtp://127.0.0.1:2525?from=reviews@acme.example")
    [fault] = bounce_faults()
    assert "not read" in fault.what
    assert "AFTERWORD_BOUNCES" in fault.mend
    monkeypatch.setenv("AFTERWORD_BOUNCES", str(tmp_path / "nowhere"))
    assert "nothing at the path" in bounce_faults()[0].what
    monkeypatch.setenv("AFTERWORD_BOUNCES", str(filled(tmp_path)))
    assert bounce_faults() == []
    assert open_bounces() is not None
    monkeypatch.setenv("AFTERWORD_BOUNCES", "Maildir")
    assert "no whole path" in bounce_faults()[0].what
    with pytest.raises(ConfigurationError, match="no whole path"):
        open_bounces()
    monkeypatch.setenv("MAILGUN_API_KEY", "hush")
    monkeypatch.setenv("MAILGUN_DOMAIN", "mg.acme.example")
    monkeypatch.delenv("AFTERWORD_BOUNCES")
    assert bounce_faults() == []  # Mailgun tells of its own


def test_doctor_says_that_the_box_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "scandir", refuse)  # a test that runs as root may open everything
    [fault] = BounceBox(tmp_path).check()
    assert "PermissionError" in fault.what
