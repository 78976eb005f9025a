"""What every test may ask for: a ledger of each kind, migrated and empty but for its one system row."""

import atexit
import gc
import shutil
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from tests import browser, postgres
from tests.compiled import share_compiled_statements
from tests.specs import specs_header

# A loaded machine is no fault of the code: how long an example takes is the bench's question.
hypothesis.settings.register_profile("afterword", deadline=None)
hypothesis.settings.load_profile("afterword")

TESTS = Path(__file__).parent

share_compiled_statements()

DATABASES = ["sqlite", "postgresql"] if postgres.is_available() else ["sqlite"]


def pytest_report_header() -> list[str]:
    """What this machine lacks is said in one line each, so that nobody takes a shorter run for a whole one."""
    if len(DATABASES) == 1:
        databases = "PostgreSQL: none here (no initdb, no AFTERWORD_TEST_POSTGRES): the ledger is tested on SQLite only"
    else:
        databases = "PostgreSQL: the ledger is tested on SQLite and PostgreSQL"
    lines = [databases, specs_header()]
    return lines if browser.is_available() else [*lines, browser.NONE_HERE]


def pytest_configure(config: pytest.Config) -> None:
    """Each worker of several begins to collect with another folder.

    In a fresh clone pytest rewrites and compiles each test module when it is first imported: so it is done once, and
    not by all of them at the same moment.
    """
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker and config.args == config.getini("testpaths"):
        folders = sorted(str(entry) for entry in TESTS.iterdir() if entry.is_dir() or entry.name.startswith("test_"))
        first = int(worker["workerid"].removeprefix("gw")) * len(folders) // worker["workercount"]
        config.args = folders[first:] + folders[:first]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is imported and collected from the garbage collector, which tests/__init__.py has turned off."""
    try:
        return (yield)
    finally:
        gc.freeze()
        atexit.register(gc.unfreeze)  # or the interpreter's end leaves modules behind, and some complain of it
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long ones first, so that no worker starts one when the others are done; marks what runs on PostgreSQL."""
    items.sort(key=lambda item: ("e2e" not in item.path.parts, item.path))
    kept, left_out = [], []
    for item in items:
        is_postgresql = "postgres_url" in item.fixturenames or "postgresql" in getattr(
            getattr(item, "callspec", None), "id", ""
        )
        if is_postgresql:
            item.add_marker(pytest.mark.postgresql)
        is_narrow = item.get_closest_marker("one_database") and not item.get_closest_marker("both_databases")
        (left_out if is_postgresql and is_narrow else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running server's maintenance database."""
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated, empty database to make others from."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    url = postgres.make_database(postgres_url, name)
    ledger = open_ledger(Settings(home=tmp_path_factory.mktemp("template"), ledger_url=url))
    migrate(ledger)
    ledger.close()
    return name


@pytest.fixture(scope="session")
def postgres_databases(postgres_url: str, postgres_template: str) -> Iterator[postgres.Databases]:
    """Migrated and empty databases, each emptied again after its test."""
    databases = postgres.Databases(postgres_url, postgres_template)
    yield databases
    databases.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty AFTERWORD_HOME."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty ledger file: copying it costs a hundredth of migrating."""
    settings = Settings(home=tmp_path_factory.mktemp("template"))
    ledger = open_ledger(settings)
    migrate(ledger)
    ledger.close()  # the last connection takes the write-ahead log into the file
    return settings.home / "ledger.sqlite"


@pytest.fixture(params=DATABASES)
def settings(request: pytest.FixtureRequest, home: Path) -> Iterator[Settings]:
    """Settings that name a migrated and empty ledger, once for each kind of database."""
    if request.param == "sqlite":
        shutil.copy2(request.getfixturevalue("sqlite_template"), home / "ledger.sqlite")
        yield Settings(home=home)
        return
    databases: postgres.Databases = request.getfixturevalue("postgres_databases")
    with databases.one() as url:
        yield Settings(home=home, ledger_url=url)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    """A migrated ledger, once for each kind of database."""
    ledger = open_ledger(settings)
    yield ledger
    ledger.close()
