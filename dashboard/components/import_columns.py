"""Which column of an uploaded file means what: its first values, what we take it for, and the way to say else."""

from collections.abc import Mapping

import streamlit as st
from markupsafe import Markup

from invitations.uploads import Preview

MEANINGS: Mapping[str | None, str] = {
    None: "Ignore",
    "email": "Email",
    "phone": "Phone",
    "first_name": "First name",
    "last_name": "Last name",
    "full_name": "Whole name",
    "employee": "Employee",
    "service": "Service",
    "location": "Location",
    "visited_at": "Date of visit",
    "consent": "Consent (yes or no)",
    "consented_at": "Date of consent",
    "consent_basis": "Basis of consent",
    "relationship": "Customer, staff or relative",
    "locale": "Language",
    "time_zone": "Time zone",
    "postal_code": "Postal code",
    "country": "Country",
}


def choose_columns(found: Preview, key: str) -> Mapping[str, str | None] | None:
    """The table of columns; what each was taken for by the reader, None: as their names say."""
    options = list(MEANINGS)
    chosen: dict[str, str | None] = {}
    with st.container(key="aw_import_columns", gap=None):
        st.html(
            '<div class="aw-map aw-head"><div>Column in your file</div><div>First values</div><div>Means</div></div>'
        )
        for number, (header, samples) in enumerate(found.samples.items()):
            with st.container(key=f"aw_column_{number}", horizontal=True, vertical_alignment="center", gap="small"):
                st.html(_line(header, samples))
                chosen[header] = st.selectbox(
                    f"{header} is taken for",
                    options,
                    index=options.index(found.guessed.get(header)),
                    format_func=lambda meaning: MEANINGS[meaning],
                    key=f"column_{key}_{number}",
                    label_visibility="collapsed",
                    width=230,
                )
    _say_doubles(chosen)
    return None if chosen == dict(found.guessed) else chosen


def problem_with(found: Preview, chosen: Mapping[str, str | None] | None) -> str | None:
    """Why no customer could come of these columns; None when some may."""
    meanings = set((found.guessed if chosen is None else chosen).values())
    if meanings & {"email", "phone"}:
        return None
    return (
        "Say which column holds the email address or the phone number: nobody can be reached without. If the column "
        "names stand further down in the file, remove the lines above them and choose the file again."
    )


def _say_doubles(chosen: Mapping[str, str | None]) -> None:
    """Two columns of one meaning are no mistake: what happens is said."""
    for meaning, words in MEANINGS.items():
        same = [header for header, its in chosen.items() if its == meaning]
        if meaning is not None and len(same) > 1:
            st.html(
                Markup('<p class="aw-faint">{}: taken from “{}”; where that is empty, from {}.</p>').format(
                    words, same[0], ", ".join(f"“{header}”" for header in same[1:])
                )
            )


def _line(header: str, samples: tuple[str, ...]) -> Markup:
    shown = Markup('<span class="aw-faint">empty</span>')
    if samples:
        shown = Markup(", ").join(Markup('<span title="{0}">{0}</span>').format(sample) for sample in samples)
    return Markup('<div class="aw-map"><div class="aw-strong aw-clip" title="{0}">{0}</div>'
                  '<div class="aw-clip aw-faint">{1}</div></div>').format(header, shown)  # fmt: skip
