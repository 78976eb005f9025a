"""When another system wants somebody asked: a moment with its offset, or a time on the location's clock."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from invitations.import_report import ImportRefused
from invitations.list_speed_text import read_send_at as read_local

# A call that was repeated, or waited in a queue, must not lose its ask for being a little late.
LATE = timedelta(days=1)


class TimeRefused(ValueError):
    """The time cannot be meant; the message says what is expected."""


def read_send_at(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The moment that `text` means, None for one of the last day: at once. `now` is policy time. Raises TimeRefused."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is not None and moment.tzinfo is not None:
        try:
            is_late = now - LATE < moment <= now
        except OverflowError:
            raise TimeRefused(_expected()) from None
        return None if is_late else moment
    try:
        at = read_local(text, zone, now - LATE)
    except ImportRefused:
        raise TimeRefused(_expected()) from None
    return None if at <= now else at


def _expected() -> str:
    return 'a time to come, such as "2026-12-01T10:00:00-06:00", or "2026-12-01 10:00" on the location\'s clock'
