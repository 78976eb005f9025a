"""A private PostgreSQL for the suite: the one `AFTERWORD_TEST_POSTGRES` names, else one started on loopback with the
machine's own `initdb`, in a folder of its own, ended with the suite."""

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "AFTERWORD_TEST_POSTGRES"


def binary_folder() -> Path | None:
    """Where this machine's server binaries are; None when it has none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) or [shutil.which("initdb")]
    return Path(found[-1]).parent if found[-1] else None


def is_available() -> bool:
    return bool(os.environ.get(VARIABLE)) or binary_folder() is not None


@contextmanager
def server() -> Iterator[str]:
    """The URL of a running server (its maintenance database)."""
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    binaries = binary_folder()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="afterword-postgres-"))
    # PostgreSQL refuses to run as root; the packages make a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*command: str) -> None:
        subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

    run(str(binaries / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "afterword", "-E", "UTF8",
        "--no-sync", "--locale=C.UTF-8")  # fmt: skip
    options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off -c max_connections=60"
    control = [str(binaries / "pg_ctl"), "-D", str(folder / "data")]
    run(*control, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://afterword@127.0.0.1:{port}/postgres"
    finally:
        run(*control, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)
