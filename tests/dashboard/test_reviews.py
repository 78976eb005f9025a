"""My Reviews: what is shown of each review, how it is found, and how a reply is drafted."""

import pytest

from data.ledger import tables as t
from data.ledger.store import Ledger
from tests.dashboard.conftest import Open, buttons, text
from tests.world import NOON, World, insert

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]


def test_reviews_are_listed_with_their_customer_and_a_reply_is_drafted_copied_and_marked(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    with ledger.write() as c:
        stranger = insert(
            c, t.reviews, account_id=world.account_id, location_id=world.chicago, platform="facebook",
            provider_review_id="r2", reviewer_name="<b>Zed</b>", stars=2, body="# Waited *long*", sentiment="negative",
            reviewed_at=NOON,
        )  # fmt: skip
    page = look("reviews")
    shown = text(page)
    for said in (
        "My Reviews", "Ben O.", "Customer: Ben Okafor", "No waiting at all.", "positive", "Google", "9 (promoter)",
        "Not linked", "&lt;b&gt;Zed&lt;/b&gt;", "# Waited *long*", "To answer", "3.5",
    ):  # fmt: skip
        assert said in shown
    page.button(key=f"reply_{stranger}").click().run()
    assert "It is not known which customer wrote this" in text(page)
    assert "Nothing is sent from here." in text(page)
    page.text_area(key=f"typed_reply_{stranger}").set_value("Sorry, Zed.\nPlease come again.").run()
    page.button(key="save_draft").click().run()
    assert not page.exception
    assert [code.value for code in page.code] == ["Sorry, Zed.\nPlease come again."]
    assert "By owner@acme.example" in text(page)
    page.button(key="published").click().run()
    assert "Reply, published on Facebook" in text(page)
    with ledger.read() as c:
        kept = c.execute(t.reviews.select().where(t.reviews.c.review_id == stranger)).one()
    assert (kept.reply, kept.reply_draft) == ("Sorry, Zed.\nPlease come again.", None)


def test_a_link_opens_one_review_and_the_filters_narrow_the_list(people: dict[str, int], look: Open) -> None:
    linked = look("reviews", review="1", as_user="viewer")
    assert "Nobody has replied yet." in text(linked)
    assert not [key for key in buttons(linked) if key in {"save_draft", "published", "unpublish"}]
    linked.button(key="review_customer").click().run()
    assert "ben@example.com" in text(linked)  # the panel
    assert "No review matches" in text(look("reviews", reviews_search="zzz"))
    assert "Ben O." in text(look("reviews", reviews_search="okaf", reviews_platform="Google", reviews_rating="5 stars"))
    assert "No review matches" in text(look("reviews", reviews_reply="answered"))
    assert "No such review here" in text(look("reviews", review="99"))
