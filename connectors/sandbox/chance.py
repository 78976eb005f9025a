"""Dice that always fall the same way for the same seed and address."""

import random


def chance_of(seed: int, address: str, purpose: str) -> random.Random:
    """A generator of its own for one address and purpose: independent of order, of other addresses and of restarts."""
    return random.Random(f"{seed}:{purpose}:{address.lower()}")  # noqa: S311 - dice, not secrets
