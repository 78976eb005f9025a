"""The two handles that every page reads through, opened once a process: the ledger and the history's reader."""

import streamlit as st

from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.warehouse.reader import Reader, open_reader


def open_source() -> tuple[Ledger, Reader]:
    """The ledger and the reader that the environment names."""
    settings = Settings()
    return _open(settings.ledger_address, str(settings.warehouse_folder), settings)


@st.cache_resource(on_release=lambda source: source[0].close(), show_spinner=False)
def _open(ledger_address: str, warehouse_folder: str, _settings: Settings) -> tuple[Ledger, Reader]:
    ledger = open_ledger(_settings)
    return ledger, open_reader(ledger, _settings.warehouse_folder)
