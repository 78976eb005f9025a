"""WHAT THE TEAM SEES: Streamlit pages over the published history and the ledger.

A page is title, filters, one query per element, an empty state, a chart. It sends nothing and starts nothing: what a
person does is a mark in the ledger (`invitations.controls`). Nothing here imports Dagster or a provider.

There is no `data.py` here although one would be apt: Streamlit puts this folder first on the module path, and it
would hide the package `data`. The handles are in `source.py`.
"""
