"""What every page shares: its title line, the search box, the pager, the empty state."""

from collections.abc import Mapping
from math import ceil

import streamlit as st
from markupsafe import Markup

PAGE_SIZE = 25
_PAGER_WIDTH = 320  # for seven numbers; as wide as its content, Streamlit's hides page 2 of three, and the 2 of two
EVERY = "all"


def title(text: str, below: str = "") -> None:
    """A page's name, and one line that says what it shows."""
    st.html(Markup('<h1 class="aw-title">{}</h1><p class="aw-below">{}</p>').format(text, below))


def empty(what: str, next_step: str, *, name: str) -> None:
    """What would be here, and the one next step."""
    with st.container(key=f"aw_empty_{name}"):
        st.html(Markup('<div class="aw-empty"><strong>{}</strong><p>{}</p></div>').format(what, next_step))


def say_outdated() -> None:
    """In the place of anything read from a history that was published before an upgrade."""
    empty(
        "The history is being brought up to date after an upgrade",
        "It shows at the next load, usually within a minute. Look again then.",
        name="outdated",
    )


def pager(name: str, total: int, one: str, many: str) -> int:
    """Where the reader is among `total` rows, and the way to the next page; the page's number, from 1.

    Draw it before the rows and put those in a container above it: else a linked page number comes too late.
    """
    pages = max(1, ceil(total / PAGE_SIZE))
    with st.container(
        key=f"aw_pager_{name}", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        caption = st.empty()
        key = f"{name}_page"
        page = st.pagination(pages, key=key, bind="query-params", width=_PAGER_WIDTH) if pages > 1 else 1
    first = (page - 1) * PAGE_SIZE + 1
    last = min(total, page * PAGE_SIZE)
    of = one if total == 1 else many
    caption.html(Markup('<div class="aw-faint">{:,}–{:,} of {:,} {}</div>').format(first, last, total, of))
    return page


def current_page(name: str) -> int:
    """The page that is looked at, where how many there are is known only with its rows; else `pager` tells."""
    linked = st.query_params.get(f"{name}_page", "")
    chosen: int | None = st.session_state.get(f"{name}_page")
    return chosen or (max(1, int(linked)) if linked.isdecimal() and len(linked) < 9 else 1)


def tabs(name: str, label: str, words: Mapping[str, str]) -> str | None:
    """Tabs over a table, `EVERY` first, `words` what stands on each; the chosen one, None for every. Linkable.

    Streamlit's own binding would put the words into the link, and theirs have counts that change.
    """
    key = f"{name}_{label.lower()}"
    if st.session_state.get(key) not in words:
        linked = st.query_params.get(key)
        st.session_state[key] = linked if linked in words else EVERY
    chosen = st.segmented_control(
        label, list(words), format_func=lambda word: words[word], required=True, key=key, wrap=False,
        label_visibility="collapsed", on_change=_put_into_link, args=(name, key),
    )  # fmt: skip
    return None if chosen == EVERY else chosen


def _put_into_link(name: str, key: str) -> None:
    if st.session_state[key] == EVERY:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = st.session_state[key]
    back_to_first_page(name)


def back_to_first_page(name: str) -> None:
    """For a filter's on_change: page 7 of the old rows means nothing among the new ones."""
    st.session_state.pop(f"{name}_page", None)


def search_box(name: str, placeholder: str) -> str:
    """A search that follows the typing, from three characters on; "" below that."""
    text = st.text_input(
        "Search",
        key=f"{name}_search",
        type="search",
        live="250ms",
        placeholder=placeholder,
        label_visibility="collapsed",
        icon=":material/search:",
        bind="query-params",
        on_change=back_to_first_page,
        args=(name,),
    )
    return text or ""
