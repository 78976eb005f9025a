"""How often sensors look and where the night is: what `up` and `demo` tell their Dagster by the environment."""

from zoneinfo import available_timezones

from pydantic import Field, field_validator

from data.settings import FromEnvironment


class Ticks(FromEnvironment):
    """AFTERWORD_TICK_SECONDS and AFTERWORD_NIGHTLY_ZONE; both explained in .env.example."""

    tick_seconds: int = Field(default=60, ge=1, le=3600)
    nightly_zone: str = "UTC"

    @field_validator("nightly_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("expected a name of the tz database, such as America/New_York")
        return name
