"""How web/, the dashboard and Dagster are started, for `up` and `demo` alike."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.problems import HOUSE
from pipelines.processes import Child, Group

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """Where each listens on this machine."""

    web: int = 8080
    dashboard: int = 8501
    dagster: int = 3000
    sandbox: int = 8025  # the demo's only

    def url(self, port: int) -> str:
        """The address to open."""
        return f"http://{LOOPBACK}:{port}"


def prepare_dagster(home: Path) -> Path:
    """DAGSTER_HOME under `home`, with this version's dagster.yaml in it."""
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HOUSE / "dagster.yaml", folder / "dagster.yaml")
    return folder


def start_web(group: Group, environment: Mapping[str, str], ports: Ports, *, host: str = LOOPBACK) -> Child:
    """What customers see, and where providers call back."""
    command = [sys.executable, "-m", "web", "--host", host, "--port", str(ports.web)]
    return group.start("web", command, environment, folder=HOUSE)


def start_dashboard(
    group: Group,
    environment: Mapping[str, str],
    ports: Ports,
    *,
    sign_in_file: Path | None = None,
    host: str = LOOPBACK,
) -> Child:
    """What the team sees; on this machine only where nobody signs in, whoever it is that looks."""
    if sign_in_file is None and host != LOOPBACK:
        raise ValueError("without signing in the dashboard is served on this machine only")
    command = [
        sys.executable, "-m", "streamlit", "run", "dashboard/app.py",
        *(["--secrets.files", str(sign_in_file)] if sign_in_file else []),
        "--server.headless", "true",
        "--server.address", host,
        "--server.port", str(ports.dashboard),
        "--server.fileWatcherType", "none",
        "--browser.gatherUsageStats", "false",
    ]  # fmt: skip
    return group.start("dashboard", command, environment, folder=HOUSE)


def start_dagster(group: Group, environment: Mapping[str, str], ports: Ports) -> Child:
    """Dagster's pages, its daemon and one code server for both, which two commands of their own would start twice."""
    command = [
        sys.executable, "-W", "ignore", "-m", "dagster", "dev",
        "--workspace", str(HOUSE / "workspace.yaml"),
        "--host", LOOPBACK,
        "--port", str(ports.dagster),
        "--log-level", "warning",
        "--code-server-log-level", "warning",
    ]  # fmt: skip
    return group.start("dagster", command, environment, folder=Path(environment["DAGSTER_HOME"]))
