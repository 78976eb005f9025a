"""Customers as a file: those that the filters leave, or those who are picked, in the words of the screen."""

import polars as pl

from dashboard.desk import here
from dashboard.exporting import export_buttons
from dashboard.wording import INVITATION, SOURCE
from data.warehouse import customers
from data.warehouse.customers import NOT_INVITED, CustomerFilter
from data.warehouse.pages import Scope

_STATUS = {**{status.value: word for status, word in INVITATION.items()}, NOT_INVITED: "Not invited yet"}
_HEADINGS = {
    "invited_on": "Invited On", "location": "Location", "first_name": "First Name", "last_name": "Last Name",
    "email": "Email", "phone": "Phone Number", "source": "Source", "list": "List", "employee": "Employee",
    "service": "Service", "status": "Status", "nps_score": "NPS Score", "stars": "Ratings", "platform": "Platform",
    "stars_on_your_page": "Stars on your page", "do_not_contact": "Do not contact",
}  # fmt: skip


def export_customers(name: str, scope: Scope, chosen: CustomerFilter) -> None:
    """Buttons that hand these customers over, for whoever may export."""
    reader = here().reader  # a file is made outside of the page's run, where there is no desk
    export_buttons(name, lambda: as_told(customers.customers_to_export(reader, scope, chosen)))


def as_told(frame: pl.DataFrame) -> pl.DataFrame:
    """The same under the headings and in the words of the page."""
    words = {"source": {source.value: word for source, word in SOURCE.items()}, "status": _STATUS}
    return frame.with_columns(
        *(pl.col(column).replace(said) for column, said in words.items()),
        pl.col("platform").str.to_titlecase(),
        pl.col("do_not_contact").replace_strict({True: "yes", False: ""}, default="", return_dtype=pl.String),
    ).rename(_HEADINGS)
