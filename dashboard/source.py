"""What every page reads through, opened once a process: the ledger, the history's reader, and the settings."""

import os
from functools import lru_cache

import streamlit as st

from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.warehouse.reader import Reader, open_reader


def settings() -> Settings:
    """What the environment says now; it is read again only where it says something else: each rerun asks thrice."""
    return _settings(frozenset(item for item in os.environ.items() if item[0].upper().startswith("AFTERWORD_")))


@lru_cache(maxsize=1)
def _settings(_environment: frozenset[tuple[str, str]]) -> Settings:
    return Settings()


def open_source() -> tuple[Ledger, Reader]:
    """The ledger and the reader that the environment names."""
    named = settings()
    return _open(named.ledger_address, str(named.warehouse_folder), named)


@st.cache_resource(on_release=lambda source: source[0].close(), show_spinner=False)
def _open(ledger_address: str, warehouse_folder: str, _settings: Settings) -> tuple[Ledger, Reader]:
    ledger = open_ledger(_settings)
    return ledger, open_reader(ledger, _settings.warehouse_folder)
