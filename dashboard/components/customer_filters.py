"""What the Customers page leaves in, and how it is sorted: search, order, more filters, and a tab for each status.

All of it stands in the link, so that a figure on another page can lead to the customers behind it:
customers_search, _sort, _status, _answer, _source, _list, _employee, _service.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from dashboard.components.page import EVERY, back_to_first_page, search_box, tabs
from dashboard.components.sorting import Sorting
from dashboard.desk import Desk
from dashboard.wording import INVITATION, SOURCE, said
from data.warehouse import customers
from data.warehouse.customers import NOT_INVITED, Answer, CustomerFilter, CustomerOrder

_STATUSES = {**{status.value: word for status, word in INVITATION.items()}, NOT_INVITED: "Not invited yet"}
_ORDERS = {
    "Invited on, newest first": CustomerOrder.NEWEST,
    "Invited on, oldest first": CustomerOrder.OLDEST,
    "Last name, A to Z": CustomerOrder.LAST_NAME,
    "Last name, Z to A": CustomerOrder.LAST_NAME_DOWN,
    "First name, A to Z": CustomerOrder.FIRST_NAME,
    "First name, Z to A": CustomerOrder.FIRST_NAME_DOWN,
    "Email, A to Z": CustomerOrder.EMAIL,
    "Email, Z to A": CustomerOrder.EMAIL_DOWN,
    "Phone number, lowest first": CustomerOrder.PHONE,
    "Phone number, highest first": CustomerOrder.PHONE_DOWN,
    "Location, A to Z": CustomerOrder.LOCATION,
    "Location, Z to A": CustomerOrder.LOCATION_DOWN,
    "Source, A to Z": CustomerOrder.SOURCE,
    "Source, Z to A": CustomerOrder.SOURCE_DOWN,
    "Status, A to Z": CustomerOrder.STATUS,
    "Status, Z to A": CustomerOrder.STATUS_DOWN,
    "NPS score, highest first": CustomerOrder.SCORE,
    "NPS score, lowest first": CustomerOrder.SCORE_LOWEST,
    "Ratings, best first": CustomerOrder.RATING,
    "Ratings, worst first": CustomerOrder.RATING_LOWEST,
}
SORTING = Sorting.of("customers", _ORDERS)
_ANSWERS = {
    Answer.PROMOTER: "Promoters (9 or 10)",
    Answer.PASSIVE: "Passives (7 or 8)",
    Answer.DETRACTOR: "Detractors (0 to 6)",
    Answer.STARS: "Gave stars on your page",
    Answer.REVIEW: "Left a review",
    Answer.NONE: "No answer yet",
}
_LABELS = {
    "answer": "Answer", "source": "Source", "list": "List", "employee": "Employee",
    "service": "Service",
}  # fmt: skip
_WORDS: dict[str, Mapping[Any, str]] = {"answer": _ANSWERS, "source": SOURCE}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is looked at: the filter, its order, how many customers that is."""

    filter: CustomerFilter
    order: CustomerOrder
    total: int

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but location and period leaves customers out."""
        return self.filter != CustomerFilter()


def choose(desk: Desk) -> Chosen:
    """Draw the filters; what they leave."""
    with st.container(key="aw_filters_customers", horizontal=True, vertical_alignment="center"):
        with st.container(width=320):
            search = search_box("customers", "Name, email or phone")
        order = SORTING.choose_order()
        _more(desk)
    _chips()
    wide = CustomerFilter(
        search=search,
        source=_linked("source"),
        list_name=_linked("list"),
        employee=_linked("employee"),
        service=_linked("service"),
        answer=next((one for one in Answer if one.value == _linked("answer")), None),
    )
    counts = customers.customers_by_status(desk.reader, desk.scope, wide)
    whole = sum(counts.values())
    words = {EVERY: f"All {whole:,}"} | {
        status: f"{word} {counts.get(status, 0):,}" for status, word in _STATUSES.items()
    }
    status = tabs("customers", "Status", words)
    total = whole if status is None else counts.get(status, 0)
    return Chosen(replace(wide, status=status), _ORDERS[order], total)


def forget_filters() -> None:
    """For a button's on_click: everybody again, but for location and period."""
    for name in _LABELS:
        st.query_params.pop(_parameter(name), None)
    for key in ("customers_search", "customers_status"):
        st.query_params.pop(key, None)
        st.session_state.pop(key, None)
    back_to_first_page("customers")


def _more(desk: Desk) -> None:
    """The menu of further filters; what there is to choose from is asked for only while it is open."""
    active = sum(_linked(name) is not None for name in _LABELS)
    label = f"Filters ({active})" if active else "Filters"
    menu = st.popover(label, icon=":material/filter_list:", key="customers_filters", on_change="rerun")
    if not menu.open:
        return
    found = customers.customer_choices(desk.reader, desk.whole_scope)
    offered: dict[str, Sequence[str]] = {
        "answer": list(_ANSWERS), "source": found["source"], "list": found["list_name"],
        "employee": found["employee"], "service": found["service"],
    }  # fmt: skip
    with menu:
        for name, options in offered.items():
            _menu(name, options)


def _menu(name: str, options: Sequence[str]) -> None:
    linked = _linked(name)
    if linked is not None and linked not in options:
        options = [linked, *options]
    if not options:
        return
    key = f"customers_{name}_menu"
    st.session_state[key] = linked
    st.selectbox(
        _LABELS[name], options, index=None, key=key, format_func=lambda value: _said(name, value), placeholder="Any",
        on_change=_put_into_link, args=(name, key),
    )  # fmt: skip


def _chips() -> None:
    """What narrows the table, each to be taken away again."""
    active = [(name, value) for name in _LABELS if (value := _linked(name)) is not None]
    if not active:
        return
    with st.container(key="aw_chips_customers", horizontal=True, gap="small"):
        for name, value in active:
            st.button(
                _plain(f"{_LABELS[name]}: {_said(name, value)}"), key=f"customers_{name}_off", icon=":material/close:",
                help="Take this filter away", on_click=_take_away, args=(name,),
            )  # fmt: skip


def _plain(text: str) -> str:
    """For a label, which Streamlit reads as Markdown: every mark of it stands for itself."""
    return "".join(f"\\{mark}" if mark in r"\`*_{}[]()<>#+-.!|~$:" else mark for mark in text)


def _said(name: str, value: str) -> str:
    return said(_WORDS[name], value) if name in _WORDS else value


def _linked(name: str) -> str | None:
    return st.query_params.get(_parameter(name)) or None


def _put_into_link(name: str, key: str) -> None:
    value = st.session_state[key]
    if value is None:
        _take_away(name)
    else:
        st.query_params[_parameter(name)] = value
    back_to_first_page("customers")


def _take_away(name: str) -> None:
    st.query_params.pop(_parameter(name), None)
    back_to_first_page("customers")


def _parameter(name: str) -> str:
    return f"customers_{name}"
