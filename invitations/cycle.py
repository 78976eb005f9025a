"""The quota cycle's calendar, under the name the rules know it by (the ledger counts with it too: `data.cycle`)."""

from data.cycle import cycle_at, cycle_of, starts_at

__all__ = ["cycle_at", "cycle_of", "starts_at"]
