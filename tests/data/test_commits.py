"""Whether anything was written: what a look at a page asks before it asks what."""

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from data.ledger import tables as t
from data.ledger.commits import Commits
from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from tests.world import make_customer, make_world


def test_every_commit_is_noticed_whoever_made_it(ledger: Ledger) -> None:
    elsewhere = open_ledger(ledger.settings)  # as another process would
    commits = Commits(ledger)
    seen = [commits.mark()]
    world = make_world(ledger)
    seen.append(commits.mark())
    make_customer(elsewhere, world)
    seen.append(commits.mark())
    with elsewhere.write() as c:
        c.execute(t.customers.update().values(first_name="Newt"))
        if ledger.is_sqlite:
            assert commits.mark() == seen[-1]  # it has not happened yet, and nobody waits
    seen.append(commits.mark())
    assert len(set(seen)) == len(seen)
    elsewhere.close()


@pytest.mark.slow
def test_nothing_is_noticed_while_nobody_writes_whichever_thread_asks(tmp_path: Path) -> None:
    ledger = open_ledger(Settings(home=tmp_path))
    migrate(ledger)
    commits = Commits(ledger)
    seen = [commits.mark()]
    threads = [threading.Thread(target=lambda: seen.append(commits.mark())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as c:
        c.execute(t.customers.select())
    assert set(seen) == {commits.mark()}
    assert seen[0] is not None


@pytest.mark.slow
def test_a_ledger_put_back_from_a_backup_is_another_one_and_without_a_file_nobody_can_tell(tmp_path: Path) -> None:
    ledger = open_ledger(Settings(home=tmp_path))
    migrate(ledger)
    file, backup = tmp_path / "ledger.sqlite", tmp_path / "backup.sqlite"
    with sqlite3.connect(file) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    commits = Commits(ledger)
    seen = [commits.mark()]
    ledger.close()
    Path(shutil.copy2(backup, tmp_path / "another.sqlite")).replace(file)
    seen.append(commits.mark())
    assert commits.mark() == seen[-1]
    file.unlink()
    assert commits.mark() is None
    backup.rename(file)
    seen.append(commits.mark())
    assert commits.mark() == seen[-1]
    assert len({None, *seen}) == 4
    ledger.close()
