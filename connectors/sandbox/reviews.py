"""The review sites' side: reviews that customers posted, as an export that afterword's review import reads."""

import csv
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

COLUMNS = (
    "provider_review_id", "platform", "reviewer_name", "stars", "body", "sentiment", "reviewed_at", "link_token",
)  # fmt: skip
KNOWN_SITES = frozenset({"google", "facebook", "trustpilot", "yelp", "tripadvisor", "healthgrades"})


def site_of(address: str, fallback: str) -> str:
    """Which review site an address leads to: `https://www.google.com/…` is google."""
    labels = (urlsplit(address).hostname or "").split(".")
    known = [label for label in labels if label in KNOWN_SITES]
    others = [label for label in labels if label not in {"www", ""}]
    return (known or others or [fallback])[0]


def stars_for(score: int) -> int:
    """How many stars somebody gives who scored 0 to 10 in private."""
    return 5 if score >= 9 else 4 if score >= 7 else 3 if score >= 5 else 2 if score >= 3 else 1


class ReviewSites:
    """Appends to `reviews.csv`. One review for a link and site, however often a step runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: set[str] = set()
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                self._known = {row["provider_review_id"] for row in csv.DictReader(file)}

    def __len__(self) -> int:
        return len(self._known)

    def post(self, *, token: str, site: str, name: str, stars: int, body: str, at: float) -> None:
        """Post a review; `at` is the provider's clock, epoch seconds."""
        review_id = f"{site}-{hashlib.sha256(f'{site}:{token}'.encode()).hexdigest()[:20]}"
        if review_id in self._known:
            return
        is_new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(COLUMNS)
            sentiment = "positive" if stars >= 4 else "neutral" if stars == 3 else "negative"
            reviewed_at = datetime.fromtimestamp(int(at), UTC).isoformat()
            writer.writerow([review_id, site, name, stars, body, sentiment, reviewed_at, token])
        self._known.add(review_id)
