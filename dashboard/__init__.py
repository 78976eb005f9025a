"""WHAT THE TEAM SEES: Streamlit pages over the published warehouse, with what changed since laid over it.

Sends nothing and starts nothing: what people do becomes rows in the ledger.
"""
