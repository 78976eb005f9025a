"""Which column of a file means what: by its name or a usual synonym, in the languages customers' exports come in."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

# In order of preference: of two columns that mean the same, the earlier fills a row's cell and the later its gaps.
CUSTOMER_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "email": (
        "email", "e mail", "email address", "e mail address", "mail", "customer email", "contact email", "correo",
        "correo electronico", "courriel", "e mail adresse", "indirizzo email", "posta elettronica",
    ),
    "phone": (
        "mobile", "mobile phone", "mobile number", "cell", "cell phone", "cellphone", "phone", "phone number", "tel",
        "telephone", "telephone number", "customer phone", "contact phone", "handy", "mobil", "mobilnummer", "telefon",
        "telefonnummer", "telefono", "movil", "celular", "portable", "cellulare", "sms", "whatsapp",
    ),
    "first_name": (
        "first name", "firstname", "first", "given name", "givenname", "forename", "fname", "vorname", "nombre",
        "prenom", "nome", "voornaam",
    ),
    "last_name": (
        "last name", "lastname", "last", "surname", "family name", "familyname", "lname", "nachname", "familienname",
        "apellido", "apellidos", "nom", "nom de famille", "cognome", "achternaam",
    ),
    "full_name": (
        "name", "full name", "fullname", "customer", "customer name", "client", "client name", "patient",
        "patient name", "guest", "guest name", "contact", "contact name", "kunde", "nombre completo", "nom complet",
    ),
    "employee": (
        "employee", "employee name", "staff", "staff member", "technician", "provider", "stylist", "dentist",
        "doctor", "clinician", "therapist", "served by", "mitarbeiter", "empleado", "employe",
    ),
    "service": (
        "service", "service name", "treatment", "procedure", "job", "job type", "appointment type", "product",
        "leistung", "behandlung", "servicio", "tratamiento", "soin",
    ),
    "location": (
        "location", "location name", "branch", "store", "office", "practice", "clinic", "site", "standort", "filiale",
        "sucursal", "ubicacion", "sede",
    ),
    "locale": ("locale", "language", "lang", "preferred language", "sprache", "idioma", "langue", "lingua"),
}  # fmt: skip

REVIEW_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "provider_review_id": ("provider review id", "review id", "id"),
    "platform": ("platform", "source", "site"),
    "reviewer_name": ("reviewer name", "reviewer", "author", "name"),
    "stars": ("stars", "rating", "star rating"),
    "body": ("body", "review", "text", "comment", "content"),
    "sentiment": ("sentiment",),
    "reviewed_at": ("reviewed at", "date", "review date", "created at", "published at", "time"),
    "link_token": ("link token", "token"),
}


def plain(text: str) -> str:
    """For comparing names: no case, no accents, one space for anything that is no letter or digit."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in bare if not unicodedata.combining(sign))
    return re.sub(r"[^\w]+|_+", " ", bare).strip()


def map_columns(headers: Sequence[str], synonyms: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """For each of our fields the file's columns that mean it, the preferred one first; [] when there is none."""
    by_name: dict[str, list[str]] = {}
    for header in headers:
        by_name.setdefault(plain(header), []).append(header)
    return {
        name: [header for synonym in known for header in by_name.get(synonym, [])] for name, known in synonyms.items()
    }


def unread(headers: Sequence[str], mapped: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The columns that mean nothing to us."""
    read = {header for chosen in mapped.values() for header in chosen}
    return tuple(header for header in headers if header not in read)
