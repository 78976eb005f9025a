"""What must hold before anything is planned or sent: real customers never meet a test's clock."""

from connectors import ConfigurationError
from connectors.registry import require_loopback
from data.settings import Settings

SHORTEST_SETTLE_SECONDS = 1800


def refuse_unsafe_clock(settings: Settings) -> None:
    """A fixed policy clock, or less than half an hour of doubt, only with providers on loopback.

    Raises ConfigurationError naming the variable and how to mend it.
    """
    lowered = [
        variable
        for variable, is_lowered in (
            ("AFTERWORD_NOW", settings.now is not None),
            ("AFTERWORD_SETTLE_SECONDS", settings.settle_seconds < SHORTEST_SETTLE_SECONDS),
        )
        if is_lowered
    ]
    if not lowered:
        return
    try:
        require_loopback()
    except ConfigurationError as problem:
        raise ConfigurationError(
            f"{' and '.join(lowered)} may be set only while every provider is on loopback, as in tests and the demo. "
            f"{problem} Unset {' and '.join(lowered)}, or point the providers at 127.0.0.1."
        ) from None
