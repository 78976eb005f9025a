"""Taking in, in one place: customers, reviews, whom not to contact, who was asked before, files in the inbox folder."""

from invitations.customers_file import import_customers
from invitations.do_not_contact import do_not_contact, import_do_not_contact
from invitations.import_report import ImportRefused, ImportReport, UnknownLocation
from invitations.inbox_folder import pick_up_inbox, waiting_files
from invitations.past_invitations import import_past_invitations
from invitations.rejected import RejectedRow
from invitations.reviews_file import import_reviews

__all__ = [
    "ImportRefused",
    "ImportReport",
    "RejectedRow",
    "UnknownLocation",
    "do_not_contact",
    "import_customers",
    "import_do_not_contact",
    "import_past_invitations",
    "import_reviews",
    "pick_up_inbox",
    "waiting_files",
]
