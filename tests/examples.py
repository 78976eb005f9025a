"""How far hypothesis looks: at a few examples of a property in `make test`, at many in `make deep`."""

import os

USUAL = 40  # of a property that names no number of its own, mostly because an example costs next to nothing


def examples(few: int = USUAL) -> int:
    """How many examples are tried of a property: `few`, unless the environment asks for more."""
    return int(os.environ.get("AFTERWORD_EXAMPLES") or few)
