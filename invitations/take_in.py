"""Taking in, in one place: a file of customers, a file of reviews, files dropped in the inbox folder."""

from invitations.customers_file import import_customers
from invitations.import_report import ImportRefused, ImportReport, UnknownLocation
from invitations.inbox_folder import pick_up_inbox, waiting_files
from invitations.rejected import RejectedRow
from invitations.reviews_file import import_reviews

__all__ = [
    "ImportRefused",
    "ImportReport",
    "RejectedRow",
    "UnknownLocation",
    "import_customers",
    "import_reviews",
    "pick_up_inbox",
    "waiting_files",
]
