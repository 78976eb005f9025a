"""What every test may ask for: a ledger of each kind, migrated and empty but for its one system row."""

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from tests import browser, postgres
from tests.compiled import share_compiled_statements
from tests.examples import examples
from tests.shared import made_once
from tests.specs import specs_header

# A loaded machine is no fault of the code: how long an example takes is the bench's question.
hypothesis.settings.register_profile("afterword", deadline=None, max_examples=examples())
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


SHARED = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """The processes of a run share a folder; each worker of several begins to collect with another folder of tests.

    In a fresh clone pytest rewrites and compiles each test module when it is first imported: so it is done once, and
    not by all of them at the same moment.
    """
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is None:
        folder = config.stash[SHARED] = Path(tempfile.mkdtemp(prefix="afterword-tests-"))
        folder.chmod(0o755)  # PostgreSQL's own user must enter it
        # The last thing of the process that starts the others, however those end.
        config.add_cleanup(partial(shutil.rmtree, folder, ignore_errors=True))
        config.add_cleanup(partial(postgres.stop, folder))
        return
    config.stash[SHARED] = Path(worker["shared"])
    if config.args == config.getini("testpaths"):
        folders = sorted(str(entry) for entry in TESTS.iterdir() if entry.is_dir() or entry.name.startswith("test_"))
        first = int(worker["workerid"].removeprefix("gw")) * len(folders) // worker["workercount"]
        config.args = folders[first:] + folders[:first]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Asked for each worker in the process that starts them."""
    node.workerinput["shared"] = str(node.config.stash[SHARED])


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Keep what is imported and collected from the garbage collector, which tests/__init__.py has turned off.

    From then on it looks at what is new only when there is a good deal of it: every 700 objects was a tenth of the
    time that tests take.
    """
    try:
        answer = yield
        if session.config.getoption("crew", 0):  # whoever runs a few tests alone waits for none of it
            from tests.loaded import load_what_is_loaded_late  # noqa: PLC0415  (it imports half of what there is)

            load_what_is_loaded_late()
        return answer
    finally:
        gc.freeze()
        atexit.register(gc.unfreeze)  # or the interpreter's end leaves modules behind, and some complain of it
        gc.set_threshold(20_000, 20, 50)
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long ones first, so that no worker starts one when the others are done; marks what runs on PostgreSQL."""
    items.sort(key=lambda item: ("e2e" not in item.path.parts, item.path))
    is_named = postgres.VARIABLE in os.environ  # whoever brings a PostgreSQL wants to see everything on it
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        is_postgresql = "postgres_url" in getattr(item, "fixturenames", ()) or "postgresql" in getattr(
            getattr(item, "callspec", None), "id", ""
        )
        if is_postgresql:
            item.add_marker(pytest.mark.postgresql)
        is_narrow = item.get_closest_marker("one_database") and not item.get_closest_marker("both_databases")
        is_sqlites = item.get_closest_marker("sqlite_only") is not None
        is_left_out = is_postgresql and (is_sqlites or (is_narrow and not is_named))
        (left_out if is_left_out else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config) -> Path:
    """The folder that all workers of a run share."""
    return pytestconfig.stash[SHARED]


@pytest.fixture(scope="session")
def postgres_url(shared: Path) -> str:
    """A running server's maintenance database: one server for all workers, ended with the run."""
    return made_once(shared, "postgres_url", lambda: postgres.start(shared))


@pytest.fixture(scope="session")
def postgres_template(shared: Path, postgres_url: str) -> str:
    """The name of a migrated, empty database to make others from."""

    def make() -> str:
        name = f"template_{shared.name}"
        ledger = open_ledger(Settings(home=shared, ledger_url=postgres.make_database(postgres_url, name)))
        migrate(ledger)
        ledger.close()
        return name

    return made_once(shared, "postgres_template", make)


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
def sqlite_template(shared: Path) -> Path:
    """A migrated, empty ledger file: copying it costs a hundredth of migrating."""

    def make() -> str:
        settings = Settings(home=shared)
        ledger = open_ledger(settings)
        migrate(ledger)
        ledger.close()  # the last connection takes the write-ahead log into the file
        return str(settings.home / "ledger.sqlite")

    return Path(made_once(shared, "sqlite_template", make))


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
