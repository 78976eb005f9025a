"""Where customers can leave a review: the platforms of one location, in one order for everybody."""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from dashboard.components.settings_form import Document, heading, slug_of

_NEW = {"slug": "", "name": "", "url": "", "is_visible": True}


def ask_platforms(platforms: Sequence[Document], key: str, *, is_disabled: bool) -> list[Document]:
    """Rows of the form, and an empty one for another; in the order that was asked for."""
    heading("Where they can leave a review", "In this order, for everybody. One that is not shown is kept for later.")
    rows = [*platforms, *([] if is_disabled else [_NEW])]
    asked = [(_row(row, number, len(rows), key, is_disabled=is_disabled), number) for number, row in enumerate(rows, 1)]
    kept = [(place, number, row) for (row, place), number in asked if row["name"] or row["url"] or row["slug"]]
    return [row for _, _, row in sorted(kept, key=lambda one: (one[0], one[1]))]


def _row(row: Document, number: int, count: int, key: str, *, is_disabled: bool) -> tuple[Document, float]:
    """One platform as it is wanted, and its place; of two that name the same place the moved one goes first."""
    is_new = not row["slug"]
    label: Literal["collapsed", "visible"] = "collapsed" if number > 1 else "visible"
    one, two, three, four = st.columns([2, 5, 1, 1], gap="small", vertical_alignment="bottom")
    name = one.text_input(
        "Platform", row["name"], key=f"{key}_platform_{number}", label_visibility=label, disabled=is_disabled,
        placeholder="Another platform" if is_new else None,
    )  # fmt: skip
    url = two.text_input(
        "Web address", row["url"], key=f"{key}_url_{number}", label_visibility=label, disabled=is_disabled,
        placeholder="https://" if is_new else None,
    )  # fmt: skip
    place = three.number_input(
        "Place", 1, count, number, key=f"{key}_place_{number}", label_visibility=label, disabled=is_disabled
    )
    is_visible = four.checkbox("Shown", row["is_visible"], key=f"{key}_shown_{number}", disabled=is_disabled)
    wanted = {
        "slug": row["slug"] or slug_of(name),
        "name": name.strip(),
        "url": url.strip(),
        "is_visible": is_visible,
    }
    moved = 0.5 if place > number else -0.5 if place < number else 0.0
    return wanted, place + moved
