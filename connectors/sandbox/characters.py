"""Who the customers are: what each would do with a message, fixed by seed, address and which message it is.

Pure: no clock, no network. The shares are chosen to look like a well-run dental practice (NPS about 50) and have no
claim beyond that. What a customer does after scoring depends on the score only as people's mood does; the pages they
see do not.
"""

import re
from dataclasses import dataclass

from connectors.sandbox.chance import chance_of

SCORES = {10: 0.42, 9: 0.25, 8: 0.14, 7: 0.08, 6: 0.04, 5: 0.03, 4: 0.01, 3: 0.01, 2: 0.01, 1: 0.005, 0: 0.005}
GREETING = re.compile(r"\b(?:Hi|Hello|Hey|Dear|Thanks|Thank you,?) ([^\W\d_][\w'’-]+)[,.!:\s]")
NAMES = ("Alex", "Jordan", "Sam", "Taylor", "Morgan", "Casey", "Robin", "Jamie", "Quinn", "Avery", "Riley", "Drew")
BROWSERS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
)
SCANNER = "Mozilla/5.0 (compatible; BarracudaSentinel (EE))"


@dataclass(frozen=True)
class Character:
    """What one customer does with one message. Delays are seconds at pace 1, each counted from the step before."""

    opens_after: float | None  # e-mail only
    clicks_after: float | None
    score: int | None  # None: looks and leaves
    scores_after: float
    comments: bool
    chooses_after: float | None
    reviews_after: float | None
    writes_back: bool  # answers the text itself with a few words
    is_scanned: bool  # a mail gateway fetches every link first
    is_disguised: bool  # that gateway: it runs a whole browser and names itself one
    is_prefetched: bool  # the mail program opens it by itself
    taste: float  # 0 to 1: which of the platforms; most take the first they see
    browser: str

    @property
    def is_silent(self) -> bool:
        """Never answers: one of these is cast to say no."""
        return self.clicks_after is None and not self.writes_back


def character(seed: int, address: str, number: int, *, is_email: bool) -> Character:
    """The customer at `address` on their `number`th message (0 is the first)."""
    dice = chance_of(seed, address, f"character {number}")
    opens = dice.random() < 0.68
    clicks = dice.random() < (0.55 if is_email and opens else 0.0 if is_email else 0.52)
    scores = clicks and dice.random() < 0.9
    score = dice.choices(list(SCORES), list(SCORES.values()))[0]
    mood = 0.62 if score >= 9 else 0.4 if score >= 7 else 0.45
    chooses = scores and dice.random() < mood
    reviews = chooses and dice.random() < 0.72
    return Character(
        opens_after=1 + dice.random() * 7 if is_email and opens else None,
        clicks_after=1 + 13 * dice.random() ** 1.5 if clicks else None,
        score=score if scores else None,
        scores_after=2 + dice.random() * 3,
        comments=scores and dice.random() < 0.3,
        chooses_after=2 + dice.random() * 3 if chooses else None,
        reviews_after=2 + dice.random() * 4 if reviews else None,
        writes_back=not is_email and not clicks and dice.random() < 0.03,
        is_scanned=is_email and chance_of(seed, address, "gateway").random() < 0.12,
        is_disguised=chance_of(seed, address, "gateway's make").random() < 0.5,
        is_prefetched=is_email and chance_of(seed, address, "mail program").random() < 0.15,
        taste=chance_of(seed, address, "taste").random() ** 2.2,
        browser=BROWSERS[dice.randrange(len(BROWSERS) if is_email else 2)],
    )


def reviewer_name(seed: int, address: str, message: str) -> str:
    """The name under a review: as the message greeted them, or made up, with an initial."""
    dice = chance_of(seed, address, "name")
    greeted = GREETING.search(message)
    first = greeted.group(1) if greeted and greeted.group(1).lower() != "there" else dice.choice(NAMES)
    return f"{first} {dice.choice('ABCDEFGHJKLMNPRSTW')}."
