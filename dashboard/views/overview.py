"""Overview: the quota, the answers, NPS over time, and how far invitations come."""

from datetime import date

import polars as pl
import streamlit as st

from dashboard import charts
from dashboard.components.cards import Card, draw_cards
from dashboard.components.page import empty, title
from dashboard.components.quota import quota_cards
from dashboard.desk import Desk, here
from dashboard.wording import counted, share
from data.warehouse import pages

MINIMUM_ANSWERS = 5  # a week with fewer shows a gap: its NPS would be noise


def _cards(desk: Desk, scores: dict[str, int], steps: dict[str, int]) -> list[Card]:
    answers, nps = _nps(scores)
    before, nps_before = _nps(scores, "_before")
    bands = tuple((word, scores[word], word[:-1]) for word in ("promoters", "passives", "detractors"))
    has_before = desk.since is not None
    return [
        *quota_cards(desk),
        Card(
            "Response rate",
            share(steps["scored"], steps["sent"]),
            below=_rate_before(steps) if has_before else f"{counted(steps['scored'], 'score')} {desk.period}",
            of=f"{steps['scored']:,} of {steps['sent']:,}" if steps["sent"] else "",
        ),
        Card(
            "NPS",
            "–" if nps is None else f"{nps:+.0f}",
            of=counted(answers, "answer"),
            below=_nps_change(nps, nps_before, before) if has_before else desk.period.capitalize(),
            bands=bands,
        ),
    ]


def _nps(scores: dict[str, int], suffix: str = "") -> tuple[int, float | None]:
    promoters, detractors = scores["promoters" + suffix], scores["detractors" + suffix]
    answers = promoters + scores["passives" + suffix] + detractors
    return answers, 100 * (promoters - detractors) / answers if answers >= MINIMUM_ANSWERS else None


def _rate_before(steps: dict[str, int]) -> str:
    if not steps["sent_before"]:
        return "Nothing sent in the period before"
    return f"{share(steps['scored_before'], steps['sent_before'])} in the period before"


def _nps_change(nps: float | None, before: float | None, answers_before: int) -> str:
    if nps is None:
        return f"Shown from {MINIMUM_ANSWERS} answers"
    if before is None:
        return "Too few answers before to compare" if answers_before else "No answers in the period before"
    return f"{before:+.0f} in the period before"


def _nps_chart(weeks: pl.DataFrame, desk: Desk) -> None:
    with st.container(border=True, height="stretch", key="nps_chart"):
        st.html(
            '<h2 class="aw-chart">NPS by week</h2><p class="aw-faint">With the 95 % interval. Gap: under 5 answers.</p>'
        )
        if weeks.is_empty() or weeks["nps"].null_count() == weeks.height:
            empty("No NPS to show yet", "It appears with the first week of at least 5 answers.", name="nps")
            return
        last = weeks.filter(pl.col("nps").is_not_null()).row(-1, named=True)
        st.plotly_chart(
            charts.nps_over_time(weeks, since=desk.since.date() if desk.since else None, until=desk.now.date()),
            config=charts.CONFIG, height=charts.HEIGHT, key="nps_over_time",
            alt=f"NPS by week, {last['nps']:+.0f} in the week of {_day(last['week'])}",
        )  # fmt: skip
        _behind(charts.nps_table(weeks), "nps")


def _funnel_chart(steps: dict[str, int]) -> None:
    with st.container(border=True, height="stretch", key="funnel_chart"):
        st.html(
            '<h2 class="aw-chart">From invitation to review</h2>'
            '<p class="aw-faint">Invitations, and their share of those sent.</p>'
        )
        if not steps["planned"]:
            empty(
                "No invitations yet", "Import a customer list; the next planning run invites who is due.", name="funnel"
            )
            return
        st.plotly_chart(
            charts.funnel(steps), config=charts.CONFIG, height=charts.HEIGHT, key="funnel",
            alt=f"{steps['sent']} invitations sent, {steps['scored']} gave a score, {steps['reviewed']} left a review",
        )  # fmt: skip
        _behind(charts.funnel_table(steps), "funnel")


def _behind(table: pl.DataFrame, name: str) -> None:
    with st.expander("Show the numbers"):
        st.dataframe(table, hide_index=True, key=f"{name}_numbers")


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"


def show() -> None:
    desk = here()
    title("Overview", f"{_where(desk)}, {desk.period}")
    scores = pages.nps_total(desk.reader, desk.scope)
    steps = pages.funnel(desk.reader, desk.scope)
    draw_cards(_cards(desk, scores, steps))
    left, right = st.columns(2, gap="medium")
    with left:
        _nps_chart(pages.nps_by_week(desk.reader, desk.scope, minimum=MINIMUM_ANSWERS), desk)
    with right:
        _funnel_chart(steps)


def _where(desk: Desk) -> str:
    return desk.places[0].name if len(desk.places) == 1 else counted(len(desk.places), "location")


show()
