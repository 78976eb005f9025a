"""A business with a location in each mode, and customers of several languages who were asked, for browsers to visit."""

import hashlib
import io
from dataclasses import dataclass
from datetime import timedelta

from PIL import Image, ImageDraw

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.ledger.tables.metadata import database_now
from data.words import Channel, PageMode, RequestStatus
from invitations import respond
from tests.world import World, insert, make_customer, make_request, make_world

PLATFORMS = ("Google", "Facebook", "Trustpilot")


@dataclass(frozen=True)
class Town:
    """Where the links of `ask` lead to."""

    ledger: Ledger
    world: World
    places: dict[PageMode, int]
    branch: int  # with a logo, a light colour and a name that a right-to-left sentence could tear apart

    def ask(self, token: str, place: int, locale: str | None = None) -> None:
        """One more customer, asked by e-mail: /r/{token}, /u/u-{token}."""
        customer = make_customer(self.ledger, self.world, location_id=place, locale=locale)
        make_request(
            self.ledger, self.world, customer, channel=Channel.EMAIL, link_token=token, unsubscribe_token=f"u-{token}",
            status=RequestStatus.SENT, handed_at=self.ledger.policy_now() - timedelta(hours=1),
        )  # fmt: skip


def make_town(ledger: Ledger) -> Town:
    """The same platforms everywhere, in the same order."""
    world = make_world(ledger)
    with ledger.write() as c:

        def place(slug: str, name: str, mode: PageMode, color: str) -> int:
            found = insert(
                c, t.locations, account_id=world.account_id, slug=slug, name=name, time_zone="America/Chicago",
                region="US", page_mode=mode, page_platform="google" if mode is PageMode.DIRECT else None, color=color,
            )  # fmt: skip
            for position, platform in enumerate(PLATFORMS):
                insert(
                    c, t.platforms, location_id=found, slug=platform.lower(), name=platform, position=position,
                    url=f"https://{platform.lower()}.example/{slug}", is_visible=True,
                )  # fmt: skip
            return found

        places = {mode: place(f"in-{mode}", "Acme Chicago", mode, "#0F766E") for mode in PageMode}
        branch = place("broadway", "Acme New York (Broadway)", PageMode.SCORE, "#F5B301")
        content = _logo()
        c.execute(t.logos.insert().values(
            location_id=branch, sha256=hashlib.sha256(content).hexdigest(), media_type="image/png", width=240,
            height=96, content=content, changed_at=database_now(),
        ))  # fmt: skip
    return Town(ledger, world, places, branch)


def all_pages(town: Town, locale: str | None = None, *, at: str = "page") -> dict[str, str]:
    """Every page that a customer of one language may see: what it is, and its path."""
    now = town.ledger.policy_now()
    for mode in (PageMode.SCORE, PageMode.STARS, PageMode.PLATFORMS):
        town.ask(f"{at}-{mode.value}", town.places[mode], locale)
    town.ask(f"{at}-done", town.places[PageMode.SCORE], locale)
    respond.take_score(town.ledger, f"{at}-done", 7, now=now)
    respond.unsubscribe(town.ledger, f"u-{at}-done", is_channel_only=False, is_one_click=False, now=now)
    town.ask(f"{at}-branch", town.branch, locale)
    return {
        "question": f"/r/{at}-score",
        "confirm": f"/r/{at}-score?score=9",
        "stars": f"/r/{at}-stars",
        "confirm-stars": f"/r/{at}-stars?stars=4",
        "platforms": f"/r/{at}-platforms",
        "thanks": f"/r/{at}-done",
        "told": f"/r/{at}-done?after=comment",
        "unsubscribe": f"/u/u-{at}-score",
        "unsubscribed": f"/u/u-{at}-done",
        "branch": f"/r/{at}-branch",
        "missing": "/r/nothing",
        "home": "/",
    }


def _logo() -> bytes:
    """A mark and a word, drawn for white paper, with nothing behind them."""
    picture = Image.new("RGBA", (240, 96))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((2, 2, 94, 94), fill="#0F766E")
    pen.polygon([(48, 20), (78, 72), (18, 72)], fill="#FFFFFF")
    pen.rounded_rectangle((112, 24, 236, 44), 6, fill="#134E4A")
    pen.rounded_rectangle((112, 56, 196, 72), 6, fill="#94A3B8")
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True)
    return written.getvalue()
