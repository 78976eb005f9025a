"""Rows that are picked for one action on all of them: boxes at the left of a table, kept in the link across its pages.

picked = picked_in("customers")
draw_rows("customers", rows, columns, key, buttons, picking=Picking("customers", name_of))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

MOST = 200  # a link has to hold them, and each is acted on by itself
_BETWEEN = "."


@dataclass(frozen=True, slots=True)
class Picking:
    """The boxes of the table called `name`; `label` says of a row whose it is, for who cannot see it."""

    name: str
    label: Callable[[dict[str, Any]], str]

    def draw_head(self, numbers: Sequence[int]) -> None:
        """The box over all rows on screen."""
        here = set(picked_in(self.name))
        key = f"pick_{self.name}_all"
        st.session_state[key] = bool(numbers) and here.issuperset(numbers)
        st.checkbox(
            "All rows on this page", key=key, label_visibility="collapsed", on_change=_pick_all,
            args=(self.name, tuple(numbers)),
        )  # fmt: skip

    def draw_box(self, number: int, row: dict[str, Any]) -> None:
        """The box of one row."""
        key = f"pick_{self.name}_{number}"
        st.session_state[key] = number in picked_in(self.name)
        st.checkbox(
            f"Pick {self.label(row)}", key=key, label_visibility="collapsed", on_change=_pick, args=(self.name, number)
        )


def picked_in(name: str) -> tuple[int, ...]:
    """The numbers of the rows that are picked in a table, in the order in which they were; from the link."""
    said = st.query_params.get(_parameter(name), "").split(_BETWEEN)
    numbers = [int(text) for text in said if text.isascii() and text.isdigit() and len(text) < 19]
    return tuple(dict.fromkeys(numbers))[:MOST]


def pick_none(name: str) -> None:
    """For a button's on_click: nothing is picked any more."""
    st.query_params.pop(_parameter(name), None)


def _pick(name: str, number: int) -> None:
    others = [one for one in picked_in(name) if one != number]
    _keep(name, [*others, number] if st.session_state[f"pick_{name}_{number}"] else others)


def _pick_all(name: str, numbers: Sequence[int]) -> None:
    others = [one for one in picked_in(name) if one not in numbers]
    _keep(name, [*others, *numbers] if st.session_state[f"pick_{name}_all"] else others)


def _keep(name: str, numbers: Sequence[int]) -> None:
    if numbers:
        st.query_params[_parameter(name)] = _BETWEEN.join(str(number) for number in numbers[:MOST])
    else:
        pick_none(name)


def _parameter(name: str) -> str:
    return f"{name}_picked"
