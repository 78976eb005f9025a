"""What came of a list: how far its people came, and nobody else's."""

from datetime import UTC, datetime

from data.warehouse.lists import list_results
from data.warehouse.pages import Scope
from tests.data.test_pages import Memory

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)


def test_the_people_of_a_list_are_counted_by_how_far_they_came() -> None:
    memory = Memory()
    of_list = {"account_id": 1, "location_id": 10, "list_id": 3, "list_name": "May"}
    for number, status in enumerate(["Delivered", "Sent", "Delivered", "Failed"], start=1):
        memory.add("requests", **of_list, request_id=number, invitation_id=number, screen_status=status, handed_at=NOW)
    memory.add("requests", **of_list, request_id=5, invitation_id=5, screen_status="Queued")
    memory.add("requests", **of_list, request_id=6, invitation_id=1, screen_status="Queued")  # a reminder of the first
    elsewhere = (
        ({"account_id": 1, "location_id": 10, "list_id": 4, "list_name": "May"}, 7),  # another list of this name
        ({"account_id": 1, "location_id": 20, "list_id": 3, "list_name": "May"}, 8),
        ({"account_id": 2, "location_id": 10, "list_id": 3, "list_name": "May"}, 9),
    )
    for whose, number in elsewhere:
        memory.add("requests", **whose, request_id=number, invitation_id=number, screen_status="Sent", handed_at=NOW)
        memory.add(
            "timeline", account_id=1, location_id=10, invitation_id=number, kind="scored", score=1, occurred_at=NOW
        )
    at = {"account_id": 1, "location_id": 10, "occurred_at": NOW}
    memory.add("timeline", **at, invitation_id=1, kind="clicked", evidence="human")
    memory.add("timeline", **at, invitation_id=1, kind="scored", score=9)
    memory.add("timeline", **at, invitation_id=1, kind="review_linked")
    memory.add("timeline", **at, invitation_id=2, kind="clicked", evidence="machine")  # a scanner, not a person
    memory.add("timeline", **at, invitation_id=3, kind="scored", score=6)
    assert list_results(memory, Scope(1, (10,)), 3) == {
        "invited": 4, "waiting": 1, "delivered": 2, "failed": 1, "opened": 2, "clicked": 2, "scored": 2,
        "platform_chosen": 0, "reviewed": 1, "promoters": 1, "passives": 0, "detractors": 1,
    }  # fmt: skip
    assert list_results(memory, Scope(1, (20,)), 3)["invited"] == 1  # those at the viewer's place alone
    assert list_results(memory, Scope(1, (10, 20)), 3)["invited"] == 5  # it named both
