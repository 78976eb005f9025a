"""What is loaded only when somebody needs it, loaded once for all processes of a run before they are forked.

Two seconds of work, most of it the places of phone numbers and ZIP codes and Mailgun's API description, which each of
the processes, and each command that they start, would do again.
"""

from importlib import import_module

from data.areas import phone_area, postal_area
from pipelines.cli import command_line
from tests.specs import FILES, load, specs_folder
from web.languages import languages

LATE = ("alembic.command", "twilio.rest.api.v2010")


def load_what_is_loaded_late() -> None:
    """In this process; starts no thread."""
    for name in LATE:
        import_module(name)
    command_line()
    phone_area("+1312")
    postal_area("60601", "US", "US")
    languages()
    folder = specs_folder()
    for file in FILES.values() if folder else ():
        load(folder / file)
