"""Who is looking, and at what: the user, the location picker and the period, once, above every page."""

from datetime import timedelta

import streamlit as st
from markupsafe import Markup

from dashboard import signing_in
from dashboard.desk import Desk
from dashboard.periods import pick_period
from dashboard.source import settings
from dashboard.wording import ROLE, short_moment
from data.ledger.access import Access, Place, SystemState, access_of, known_users, system_state
from data.ledger.demo_clock import clock_offset
from data.ledger.store import Ledger
from data.permissions import Action, may
from data.warehouse.reader import Reader
from data.words import Role

EVERYWHERE = "All locations"


def let_in(ledger: Ledger, reader: Reader) -> Desk | None:
    """The desk of whoever looks, or None after saying plainly why there is none."""
    with ledger.read() as c:
        system = system_state(c)
        users = known_users(c)
    if not users:
        _no_user(is_account_missing=True)
        return None
    if signing_in.is_asked_for(is_demo=system.is_demo):
        access = signing_in.whoever_signed_in(ledger)
    else:
        access = _named_user(ledger, _demo_user(users) if system.is_demo else settings().local_user)
    if access is None:
        return None
    if not access.places:
        _turn_away("No locations yet", "Add a location to the account's file and run `afterword init FILE` again.")
        return None
    return _desk(ledger, reader, access, system)


def _named_user(ledger: Ledger, email: str | None) -> Access | None:
    """The demo's chosen user, or the one of whoever sits at this machine."""
    if email is None:
        _no_user(is_account_missing=False)
        return None
    with ledger.read() as c:
        access = access_of(c, email)
    if access is None or not may(access.role, Action.VIEW):
        _unknown_user()
        return None
    return access


def _desk(ledger: Ledger, reader: Reader, access: Access, system: SystemState) -> Desk:
    now = ledger.policy_now()
    with st.container(key="aw_bar", horizontal=True, vertical_alignment="center", gap="small"):
        places = _pick_places(access)
        zone = places[0].time_zone if len(places) == 1 else access.account_time_zone
        period = pick_period(zone, now)
    if system.halted_at is not None:
        _say_halted(system, access, now_zone=access.account_time_zone)
    desk = Desk(
        ledger=ledger,
        reader=reader.look(),
        access=access,
        system=system,
        places=places,
        since=period.since,
        ends=period.ends,
        period=period.words,
        before=period.before,
        now=now,
        clock_offset=clock_offset(ledger) if system.is_demo else timedelta(),
    )
    _sidebar(desk)
    return desk


def _pick_places(access: Access) -> tuple[Place, ...]:
    names = {place.name: place for place in access.places}
    options = list(names) if len(names) == 1 else [EVERYWHERE, *names]
    chosen = st.selectbox(
        "Location", options, key="location", bind="query-params", label_visibility="collapsed", width=240,
        icon=":material/location_on:",
    )  # fmt: skip
    return (names[chosen],) if chosen in names else access.places


def _demo_user(users: list[tuple[str, str, Role]]) -> str:
    names = {email: f"{name} · {ROLE[role]}" for email, name, role in users}
    with st.sidebar:
        chosen = st.selectbox(
            "View as (demo)",
            list(names),
            format_func=lambda email: names.get(email, email),
            key="view_as",
            persist_state="session",
        )
    return chosen if chosen in names else users[0][0]


def _sidebar(desk: Desk) -> None:
    with st.sidebar:
        st.html(
            Markup('<div class="aw-account"><strong>{}</strong><span>{} · {}</span><span>{}</span></div>').format(
                desk.access.account_name, desk.access.name, ROLE[desk.access.role], _charts(desk)
            )
        )
        signing_in.offer_to_sign_out()


def _charts(desk: Desk) -> str:
    if desk.reader.is_outdated:
        return "Charts are being brought up to date"
    as_of = desk.on_policy_clock(desk.reader.as_of)
    return f"Charts as of {short_moment(as_of, desk.time_zone, desk.now)}" if as_of else "Nothing published yet"


def _say_halted(system: SystemState, access: Access, *, now_zone: str) -> None:
    since = short_moment(system.halted_at, now_zone)
    reason = f" Reason: {system.halt_reason}." if system.halt_reason else ""
    st.html(
        Markup('<div class="aw-halted" role="status"><strong>All sending is halted</strong> since {} by {}.{}</div>')
        .format(since, system.halted_by or "the system", reason)
    )  # fmt: skip


def _no_user(*, is_account_missing: bool) -> None:
    if is_account_missing:
        _turn_away("No account yet", "Run `afterword init FILE` with your account's TOML file, then reload this page.")
    else:
        _turn_away(
            "Nobody is named to look at this dashboard",
            "Set AFTERWORD_LOCAL_USER to the email address of one of the account's users, or configure signing in "
            "(AFTERWORD_OIDC_ISSUER), and start it again.",
        )


def _unknown_user() -> None:
    _turn_away(
        "AFTERWORD_LOCAL_USER names nobody the account knows",
        "Set it to the email address of a user in the account's file, or add that user and run `afterword init FILE`.",
    )


def _turn_away(what: str, next_step: str) -> None:
    st.html(Markup('<div class="aw-empty" role="alert"><strong>{}</strong><p>{}</p></div>').format(what, next_step))
