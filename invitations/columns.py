"""Which column of a file means what: by its name or a usual synonym, in the languages customers' exports come in."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

import polars as pl

# In order of preference: of two columns that mean the same, the earlier fills a row's cell and the later its gaps.
CUSTOMER_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "email": (
        "email", "e mail", "email address", "e mail address", "mail", "customer email", "contact email", "correo",
        "correo electronico", "courriel", "e mail adresse", "adresse e mail", "adresse email", "adresse mail",
        "adresse electronique", "indirizzo email", "posta elettronica",
    ),
    "phone": (
        "mobile", "mobile phone", "mobile number", "cell", "cell phone", "cellphone", "phone", "phone number", "tel",
        "telephone", "telephone number", "customer phone", "contact phone", "handy", "mobil", "mobilnummer",
        "mobiltelefon", "mobilfunknummer", "handynummer", "telephone mobile", "telephone portable",
        "numero de portable", "telefon", "telefonnummer", "rufnummer", "telefono", "movil", "celular", "portable",
        "cellulare", "numero de telephone", "n de telephone", "numero de telefono", "sms", "whatsapp",
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
    "time_zone": (
        "time zone", "timezone", "tz", "customer time zone", "zeitzone", "zona horaria", "huso horario",
        "fuseau horaire", "fuso orario",
    ),
    "postal_code": (
        "postal code", "postcode", "post code", "zip", "zip code", "zipcode", "zip postal code", "postal", "plz",
        "postleitzahl", "codigo postal", "code postal", "cap", "codice postale", "cep",
    ),
    "country": ("country", "country code", "country region", "land", "staat", "pais", "pays", "paese", "nazione"),
    "visited_at": (
        "visited at", "visited on", "visited", "visit date", "date of visit", "last visit", "last visit date",
        "visit", "appointment date", "appointment", "last appointment", "date of service", "service date",
        "purchase date", "date of purchase", "purchased at", "purchased on", "last purchase", "order date",
        "transaction date", "check out date", "date", "besuchsdatum", "besuch", "besucht am", "letzter besuch",
        "termin", "kaufdatum", "bestelldatum", "datum", "fecha de visita", "ultima visita", "fecha de compra",
        "fecha de la cita", "fecha", "date de visite", "derniere visite", "date d achat", "date du rendez vous",
        "data visita", "data della visita", "data di acquisto",
    ),
    "consent": (
        "consent", "consented", "has consented", "consent given", "marketing consent", "opt in", "optin", "opted in",
        "permission", "agreed", "einwilligung", "zustimmung", "consentimiento", "consentement", "consenso",
    ),
    "consented_at": (
        "consent date", "consented at", "consented on", "date of consent", "opt in date", "opted in at",
        "einwilligung am", "einwilligungsdatum", "fecha de consentimiento", "date de consentement", "data consenso",
    ),
    "consent_basis": (
        "consent basis", "basis of consent", "legal basis", "basis", "consent type", "rechtsgrundlage", "base legal",
        "base juridique", "base legale", "base giuridica",
    ),
    "relationship": (  # "employee" and "staff" are not here: they mean who served the customer
        "relationship", "relationship to business", "relation", "type of contact", "contact type", "beziehung",
        "kontaktart", "relacion", "tipo de contacto", "type de contact", "relazione", "tipo di contatto",
    ),
}  # fmt: skip

# A list of people who must not be contacted.
CONTACT_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "email": (*CUSTOMER_SYNONYMS["email"], "address", "recipient"),
    "phone": (*CUSTOMER_SYNONYMS["phone"], "number", "to"),
}

# What another system asked before this one.
PAST_INVITATION_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    **CONTACT_SYNONYMS,
    "location": CUSTOMER_SYNONYMS["location"],
    "invited_at": (
        "invited at", "invited on", "invited", "invitation date", "date invited", "asked at", "asked on", "sent at",
        "sent on", "sent", "date sent", "sent date", "request date", "requested at", "review request date", "date",
        "eingeladen am", "gesendet am", "datum", "enviado", "fecha de envio", "fecha", "envoye le", "date d envoi",
        "inviato il", "data invio",
    ),
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


def guessed_columns(headers: Sequence[str]) -> dict[str, str | None]:
    """What each column of a customers' file is taken for, by its name; None: for nothing."""
    meaning = {header: name for name, chosen in map_columns(headers, CUSTOMER_SYNONYMS).items() for header in chosen}
    return {header: meaning.get(header) for header in headers}


def chosen_columns(headers: Sequence[str], chosen: Mapping[str, str | None]) -> dict[str, list[str]]:
    """As `map_columns`, by what a person said of each column; one that they said nothing of is ignored."""
    return {name: [header for header in headers if chosen.get(header) == name] for name in CUSTOMER_SYNONYMS}


def without_addresses(headers: Sequence[str], *, names_count: bool = True) -> str:
    """What is said of a file none of whose columns holds an address: often it has a title above the names.

    `names_count`: the names say what columns mean; else somebody said it of each.
    """
    mend = 'Name one "email" or "phone".' if names_count else "Say which one is the email or the phone."
    return (
        f"No column holds email addresses or phone numbers. Found: {', '.join(headers)}. {mend} If the column names "
        "stand further down in the file, remove the lines above them."
    )


def unread(headers: Sequence[str], mapped: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The columns that mean nothing to us."""
    read = {header for chosen in mapped.values() for header in chosen}
    return tuple(header for header in headers if header not in read)


def by_text(frame: pl.DataFrame, name: str, read: Callable[[str], str | None]) -> pl.DataFrame:
    """`name` out of `name_text`, each distinct text read once."""
    texts = frame[f"{name}_text"].drop_nulls().unique()
    if texts.is_empty():
        return frame.with_columns(pl.lit(None, pl.String).alias(name))
    answers = pl.DataFrame({f"{name}_text": texts, name: pl.Series([read(text) for text in texts], dtype=pl.String)})
    return frame.join(answers, on=f"{name}_text", how="left", maintain_order="left")
