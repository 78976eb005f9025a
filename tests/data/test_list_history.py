"""The lists of an account are found by their names, as customers are."""

import pytest

from data.ledger import tables as t
from data.ledger.list_history import count_lists, lists_page
from data.ledger.store import Ledger
from tests.world import NOON, insert_many, make_world

NAMES = ["Café May", "CAFE JUNE", "Straße", "100% organic", "Łódź"]
FOUND = {
    "cafe": ["CAFE JUNE", "Café May"], "CAFÉ  may": ["Café May"], "strasse": ["Straße"], "lodz": ["Łódź"],
    "0%": ["100% organic"], "e%": [], "": NAMES[::-1],
}  # fmt: skip


@pytest.mark.slow
def test_a_list_is_found_by_its_name_without_its_accents(ledger: Ledger) -> None:
    world = make_world(ledger)
    named = [(world.chicago, name) for name in NAMES] + [(world.new_york, "Cafe elsewhere")]
    with ledger.write() as c:
        insert_many(c, t.lists, [{
            "account_id": world.account_id, "location_id": place, "name": name, "source": "csv",
            "content_sha256": "0" * 64, "imported_by": "owner@acme.example", "created_at": NOON,
        } for place, name in named])  # fmt: skip
    with ledger.read() as c:
        here = c, world.account_id, {world.chicago}, None
        for typed, found in FOUND.items():
            assert [row["name"] for row in lists_page(*here, search=typed, limit=25, offset=0)] == found
            assert count_lists(*here, search=typed) == len(found)
        assert [row["name"] for row in lists_page(*here, search="cafe", limit=1, offset=1)] == ["Café May"]
