"""A table whose rows carry buttons: each row is one line of escaped HTML cells and, at its right, native buttons.

Native buttons are reached by keyboard and by tests; a canvas grid's are not. The columns are CSS grid tracks, so
header and rows align, and a row without buttons keeps their place free; on a phone a row folds into a small card of
the columns that say `on_phone`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.picking import Picking
from dashboard.components.sorting import Sorting

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, what stands in a cell (escaped unless Markup), its share of the width."""

    heading: str
    cell: Callable[[Row], object]
    width: str = "1fr"
    is_number: bool = False
    on_phone: bool = True
    sorts: tuple[str, ...] = ()  # the headings of `Sorting` that stand in the place of this one


@dataclass(frozen=True, slots=True)
class Button:
    """One row action. `on_click` gets the row's key."""

    label: str
    icon: str
    name: str  # part of the widget's key
    on_click: Callable[..., None]
    hint: str | None = None  # on hover, where the icon alone is seen


def draw_rows(
    name: str,
    rows: Sequence[Row],
    columns: Sequence[Column],
    key: Callable[[Row], Any],
    buttons: Callable[[Row], Sequence[Button]] | None = None,
    *,
    picking: Picking | None = None,
    sorting: Sorting | None = None,
) -> None:
    """Draw a table called `name`; `buttons` says which actions a row offers, none when it is None.

    `picking` puts a box before each row; `sorting` makes headings of columns press to sort.
    """
    tracks = " ".join(f"minmax(0, {column.width})" for column in columns)
    with st.container(key=f"aw_table_{name}", gap=None):
        with st.container(key=f"aw_head_{name}", horizontal=True, wrap=False, vertical_alignment="center", gap=None):
            if picking is not None:
                picking.draw_head([key(row) for row in rows])
            if sorting is None:
                st.html(_line(tracks, [_cell(column, column.heading) for column in columns], "aw-head"))
            else:
                _draw_headings(name, columns, tracks, sorting)
            if buttons is not None:
                st.html('<div class="aw-actions-head">Actions</div>', width="content")
        for row in rows:
            number = key(row)
            with st.container(
                key=f"aw_row_{name}_{number}", horizontal=True, wrap=False, vertical_alignment="center", gap=None
            ):
                if picking is not None:
                    picking.draw_box(number, row)
                st.html(_line(tracks, [_cell(column, column.cell(row), column.heading) for column in columns], ""))
                if buttons is not None:
                    _draw_buttons(name, number, buttons(row))


def _draw_headings(name: str, columns: Sequence[Column], tracks: str, sorting: Sorting) -> None:
    """As the one line of headings, on the same tracks, but with buttons where a column sorts."""
    st.html(Markup("<style>.st-key-aw_headings_{} {{ grid-template-columns: {} }}</style>").format(name, tracks))
    with st.container(key=f"aw_headings_{name}", width="stretch"):
        for column in columns:
            if column.sorts:
                side = "number" if column.is_number else "text"
                with st.container(key=f"aw_heading_{side}_{name}_{column.sorts[0]}", gap=None):
                    sorting.draw_headings(column.sorts)
            else:
                st.html(_line("minmax(0, 1fr)", [_cell(column, column.heading)], "aw-head"))


def _draw_buttons(name: str, number: Any, buttons: Sequence[Button]) -> None:
    if not buttons:  # Streamlit leaves an empty container out, and the row's columns would take its place
        st.html('<div class="aw-no-actions"></div>', width="content")
        return
    with st.container(
        key=f"aw_actions_{name}_{number}",
        horizontal=True,
        wrap=False,
        gap=None,
        width="content",
    ):
        for button in buttons:
            st.button(
                button.label,
                key=f"{button.name}_{number}",
                icon=button.icon,
                type="tertiary",
                on_click=button.on_click,
                args=(number,),
                help=button.hint,
            )


def _cell(column: Column, content: object, label: str = "") -> Markup:
    """`label`: the heading, for who hears the cell, and for a phone, where nothing stands over it."""
    classes = "aw-cell" + (" aw-number" if column.is_number else "") + ("" if column.on_phone else " aw-wide")
    shown = "" if content is None else content
    named = Markup(' role="group" aria-label="{0}" data-label="{0}"').format(label) if label and shown != "" else ""
    return Markup('<div class="{}"{}>{}</div>').format(classes, named, shown)


def _line(tracks: str, cells: Sequence[Markup], extra: str) -> Markup:
    return Markup('<div class="aw-line {}" style="grid-template-columns:{}">{}</div>').format(
        extra, tracks, Markup("").join(cells)
    )


def person_cell(name: str, below: str = "") -> Markup:
    """A person's name over two lines at most, or over a fainter line; what is cut is whole on hover."""
    shown = name or "No name"
    if not below:
        return Markup('<div class="aw-strong aw-two" title="{0}">{0}</div>').format(shown)
    return Markup(
        '<div class="aw-strong aw-clip" title="{0}">{0}</div><div class="aw-faint aw-clip" title="{1}">{1}</div>'
    ).format(shown, below)


def place_cell(name: str) -> Markup:
    """A location's name over two lines at most, whole on hover; an "&" stays with the words beside it."""
    return Markup('<div class="aw-two" title="{}">{}</div>').format(name, name.replace(" & ", "\u00a0&\u00a0"))


def two_lines(first: object, second: object, title: str = "") -> Markup:
    """Two short lines in a cell, the second fainter."""
    return Markup('<div class="aw-clip" title="{}">{}</div><div class="aw-faint aw-clip">{}</div>').format(
        title, first, second
    )


def moment_cell(day: str, time: str, exact: str) -> Markup:
    """A short date over its time; the hover tells the exact moment."""
    return Markup('<div class="aw-moment" title="{}">{}<div class="aw-faint">{}</div></div>').format(exact, day, time)
