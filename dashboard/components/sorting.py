"""Headings that sort a table: pressed once its usual way, pressed again the other way round.

The order itself is a select box, so that it stands in the link, and so that a phone, whose rows have no headings, can
sort too; where there are headings the box is hidden (style.css).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.components.page import back_to_first_page

_DOWN = ("newest first", "highest first", "best first", "most first", "Z to A")


@dataclass(frozen=True, slots=True)
class Sorting:
    """The orders of the table called `table`: by what a heading says, its two, the usual one first."""

    table: str
    orders: Mapping[str, tuple[str, str]]

    @classmethod
    def of(cls, table: str, words: Iterable[str]) -> "Sorting":
        """From orders in pairs, each "HEADING, how": the usual one, and the other way round."""
        pairs = zip(*[iter(words)] * 2, strict=True)
        return cls(table, {usual.split(",")[0]: (usual, other) for usual, other in pairs})

    def choose_order(self) -> str:
        """The box; the order in words, the first of all unless another is chosen."""
        words = [word for both in self.orders.values() for word in both]
        chosen: str = st.selectbox(
            "Sort by", words, key=self._key, bind="query-params", label_visibility="collapsed", width=220,
            icon=":material/swap_vert:", on_change=back_to_first_page, args=(self.table,),
        )  # fmt: skip
        return chosen if chosen in words else words[0]

    def draw_headings(self, names: Sequence[str]) -> None:
        """A column's headings, one under the other."""
        for name in names:
            usual, other = self.orders[name]
            chosen: str = st.session_state.get(self._key, "")
            is_chosen = chosen in (usual, other)
            then = other if chosen == usual else usual
            st.button(
                name, key=f"sort_{self.table}_{name}", type="tertiary", on_click=self._sort, args=(then,),
                icon=_arrow(chosen) if is_chosen else None, icon_position="right",
                help=f"{chosen}. Press for: {then.removeprefix(f'{name}, ')}" if is_chosen else None,
            )  # fmt: skip

    def _sort(self, order: str) -> None:
        st.session_state[self._key] = order
        back_to_first_page(self.table)

    @property
    def _key(self) -> str:
        return f"{self.table}_sort"


def _arrow(order: str) -> str:
    return ":material/arrow_downward:" if order.endswith(_DOWN) else ":material/arrow_upward:"
