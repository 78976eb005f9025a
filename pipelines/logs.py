"""Logging, set up in one place: JSON lines with ids and counts, never a name, an address, a number or a token."""

import logging
import logging.handlers
from pathlib import Path

import structlog

# Each of these writes addresses, URLs with tokens, or row values when it may speak below WARNING.
_NOISY = ("twilio", "urllib3", "requests", "httpx", "httpcore", "sqlalchemy", "alembic", "gql", "uvicorn.access")
_KEPT_FILES = 5
_FILE_BYTES = 10_000_000


def configure_logs(file: Path | None = None) -> None:
    """Write to `file` (rotated at 10 MB), else to standard error. Calling it again replaces what was set."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            file, maxBytes=_FILE_BYTES, backupCount=_KEPT_FILES, delay=True, encoding="utf-8"
        )
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    ours = logging.getLogger("afterword")
    release_logs()
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.propagate = False  # Dagster collects what reaches the root; ours is already written
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=_our_logger,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def release_logs() -> None:
    """Close what `configure_logs` opened."""
    ours = logging.getLogger("afterword")
    for handler in list(ours.handlers):
        ours.removeHandler(handler)
        handler.close()
    structlog.reset_defaults()


def _our_logger(*names: str) -> logging.Logger:
    return logging.getLogger(".".join(("afterword", *names)))
