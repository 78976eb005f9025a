"""WHAT WE KNOW: the vocabulary (`words`), the ledger, the warehouse, the settings, the samples.

Nothing here decides whom to ask or talks to a provider, and nothing here imports another package of ours.
"""
