"""Where state lives and which clock rules: the variables that are not a provider's own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class FromEnvironment(BaseSettings):
    """What is passed, then the environment (`AFTERWORD_…`); every variable is explained in .env.example.

    Nothing else: looking into files that are never named takes half of the time, and the dashboard reads its settings
    with every rerun.
    """

    model_config = SettingsConfigDict(env_prefix="AFTERWORD_", frozen=True, env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings


class Settings(FromEnvironment):
    """Where this house is."""

    home: Path = Path("data/local")
    ledger_url: str | None = None
    public_url: str = "http://127.0.0.1:8080"
    now: AwareDatetime | None = None
    settle_seconds: int = Field(default=1800, ge=0)
    local_user: str | None = None
    oidc_issuer: str | None = None  # people sign in there; the next three go with it
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = Field(default=None, repr=False)
    dashboard_url: str | None = None

    @property
    def ledger_address(self) -> str:
        """The ledger's SQLAlchemy URL: the one named, else SQLite under `home`."""
        return self.ledger_url or f"sqlite:///{(self.home / 'ledger.sqlite').resolve()}"

    @property
    def warehouse_folder(self) -> Path:
        """Where the DuckDB file, its published copies and its lock live."""
        return self.home / "warehouse"

    @property
    def archive_folder(self) -> Path:
        """Where raw payloads, verdicts and snapshots rest as Parquet."""
        return self.home / "archive"

    @property
    def inbox_folder(self) -> Path:
        """Where dropped files are picked up: `<location>/<list>.csv`."""
        return self.home / "inbox"

    @property
    def settle(self) -> timedelta:
        """How long a provider must have shown nothing before a message counts as never arrived."""
        return timedelta(seconds=self.settle_seconds)


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)
