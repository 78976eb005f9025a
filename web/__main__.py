"""`python -m web --host 127.0.0.1 --port 8080`: serves customers and providers until it is told to stop."""

import argparse
import logging
import socket
import sys
from functools import partial
from typing import TextIO, cast

import pydantic
import sqlalchemy as sa
import structlog

from connectors import ConfigurationError
from connectors.registry import open_callback_readers
from data.ledger.migrate import WrongRevision, require_current
from data.ledger.store import open_ledger
from data.settings import Settings
from data.web_settings import WebSettings
from web.access import Discreet, Lossy
from web.app import create_app
from web.clock import PolicyClock
from web.limits import neighbourhood
from web.machines import Visitors
from web.metrics import Metrics
from web.server import configure, patience_for_this_system, serve, stopped_by_signal
from web.watcher import Watcher
from web.writer import Nursery, ledger_store

log = structlog.get_logger("web")


def main(arguments: list[str] | None = None) -> int:
    """Serve; 0 when asked to stop, 1 when it can't start (it says why), 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m web", description="Customers' pages and providers' callbacks.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="0 takes any free port (default: %(default)s)")
    asked = parser.parse_args(arguments)
    _configure_logs()
    try:
        settings, web_settings = Settings(), WebSettings()
        ledger = open_ledger(settings)
    except pydantic.ValidationError as problem:
        faults = problem.errors(include_input=False, include_url=False)
        told = dict.fromkeys(f"AFTERWORD_{str(fault['loc'][0]).upper()} is wrong: {fault['msg']}." for fault in faults)
        return _refuse(f"{' '.join(told)} Every variable is explained in .env.example.")
    except sa.exc.ArgumentError:
        return _refuse("AFTERWORD_LEDGER_URL cannot be read. Its form is postgresql://user:password@host/database.")
    nursery = Nursery(partial(ledger_store, settings))  # before there is any thread, or a connection to the ledger
    try:
        require_current(ledger)
        clock = PolicyClock(ledger)
        clock()  # the first look is made here, not by the first post
        readers = open_callback_readers(clock=clock)
        listening = socket.create_server(
            (asked.host, asked.port), family=socket.AF_INET6 if ":" in asked.host else socket.AF_INET, backlog=2048
        )
    except (WrongRevision, ConfigurationError) as problem:
        return _refuse(str(problem))
    except sa.exc.SQLAlchemyError as problem:
        return _refuse(f"The ledger can't be opened ({type(problem).__name__}). Check AFTERWORD_LEDGER_URL.")
    except OSError as problem:
        return _refuse(f"Can't listen on {asked.host} port {asked.port}: {problem.strerror}. Choose another --port.")
    metrics = Metrics()
    app = create_app(
        ledger,
        readers,
        public_url=settings.public_url,
        start_writer=nursery.start_writer,
        settings=web_settings,
        metrics=metrics,
    )
    visitors = Visitors(web_settings.proxies)
    config = configure(
        app,
        metrics,
        public_url=settings.public_url,
        patience=patience_for_this_system(),
        owner_of=lambda address: None if visitors.is_ours(address) else neighbourhood(address),
    )
    port = listening.getsockname()[1]
    log.info("web_started", host=asked.host, port=port, public_url=settings.public_url, providers=sorted(readers))
    try:
        with stopped_by_signal(), Watcher(ledger):
            serve(config, listening)
    except KeyboardInterrupt:
        log.info("web_stopped")
    finally:
        nursery.close()
        ledger.close()
    return 0


def _configure_logs() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Discreet())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # Its warnings are what strangers send: anybody could fill the disk with them. They are figures in the metrics.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, Lossy(sys.stdout))),
        cache_logger_on_first_use=True,
    )


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
