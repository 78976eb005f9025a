"""One sandbox, one nursery and one web/ for all cells of a worker."""

import logging
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from connectors import Messenger
from connectors.registry import open_callback_readers, open_messengers
from connectors.sandbox.faults import Provider
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import Channel
from tests.many import make_due
from tests.reliability.jobs import Job
from tests.reliability.night import Stage
from tests.reliability.nursery import Nursery, running_nursery
from tests.reliability.receiver import Receiver, listening
from tests.reliability.warm import ledger_at
from tests.sandbox import Sandbox, running_sandbox
from tests.world import NOON

MEMORY = Path("/dev/shm")
NOWHERE = "http://127.0.0.1:9"  # the discard port: callbacks find nobody


@dataclass
class Theatre:
    """What the cells of a worker share."""

    sandbox: Sandbox
    nursery: Nursery
    receiver: Receiver
    messengers: Mapping[str, Mapping[Channel, Messenger]]  # by where Twilio calls back

    def stage(self, public_url: str) -> Stage:
        """What a child needs to find the sandbox, and to be called back."""
        environment = {**self.sandbox.environment, "AFTERWORD_PUBLIC_URL": public_url}
        return Stage(environment, self.messengers[public_url])

    def warm_up(self, scratch: Settings) -> None:
        """Let the nursery send a little on an empty ledger, so that its children know every statement and module."""
        with ledger_at(scratch) as ledger:
            make_due(ledger, 8)
        for kind in ("accept_then_500", "refuse_500", "throttle_429"):
            for provider in Provider:
                self.sandbox.post("/_sandbox/faults", {"kind": kind, "provider": provider, "count": 1})
        steps = ("send", "resolve", "send", "resolve")
        where = self.stage(NOWHERE).environment
        self.nursery.warm(Job(str(scratch.home), scratch.ledger_url, where, NOON.isoformat(), steps))


@pytest.fixture(scope="package")
def theatre(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Theatre]:
    folder = tmp_path_factory.mktemp("theatre")
    shutil.copy2(sqlite_template, folder / "ledger.sqlite")
    scratch = open_ledger(Settings(home=folder, now=NOON))
    # web/ logs every callback it answers: a failing cell would be hard to find in it
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with (
        listening() as receiver,
        running_sandbox(folder / "sandbox", public_url=receiver.address, pace=0.02) as sandbox,
        running_nursery(folder) as nursery,
        pytest.MonkeyPatch.context() as environment,
    ):
        messengers = {}
        for public_url in (NOWHERE, receiver.address):
            for name, value in {**sandbox.environment, "AFTERWORD_PUBLIC_URL": public_url}.items():
                environment.setenv(name, value)
            messengers[public_url] = open_messengers()
        with receiver.serving(open_callback_readers(), scratch):
            yield Theatre(sandbox, nursery, receiver, messengers)
    structlog.reset_defaults()
    scratch.close()


@pytest.fixture(scope="package")
def warm_sqlite(theatre: Theatre, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("warm")
    shutil.copy2(sqlite_template, folder / "ledger.sqlite")
    theatre.warm_up(Settings(home=folder))


@pytest.fixture(scope="package")
def warm_postgresql(
    theatre: Theatre, postgres_url: str, postgres_template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = sa.make_url(postgres_url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"warm_{uuid.uuid4().hex[:12]}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f'create database "{name}" template "{postgres_template}"')
    engine.dispose()
    ledger_url = sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    theatre.warm_up(Settings(home=tmp_path_factory.mktemp("warm"), ledger_url=ledger_url))


@pytest.fixture
def cell_ledger(request: pytest.FixtureRequest, theatre: Theatre, settings: Settings) -> Iterator[Ledger]:
    """A migrated ledger of this cell's own, through the worker's warm engine; SQLite's in memory, where there is one.

    Its children die by themselves and never with the machine: nothing would be seen of a disk but its slowness.
    """
    kind = sa.make_url(settings.ledger_address).get_backend_name()
    request.getfixturevalue(f"warm_{kind}")
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        home = Path(folder)
        if kind == "sqlite":
            shutil.copy2(settings.home / "ledger.sqlite", home / "ledger.sqlite")
        with ledger_at(settings.model_copy(update={"home": home})) as ledger:
            yield ledger
