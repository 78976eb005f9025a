"""The numbers behind the figures, under headings a reader knows."""

from collections.abc import Mapping

import polars as pl

from dashboard.charts import STEPS


def nps_table(weeks: pl.DataFrame) -> pl.DataFrame:
    """The numbers behind NPS by week, under headings a reader knows."""
    return weeks.select(
        pl.col("week").alias("Week of"),
        pl.col("responses").alias("Answers"),
        pl.col("promoters").alias("Promoters (9–10)"),
        pl.col("passives").alias("Passives (7–8)"),
        pl.col("detractors").alias("Detractors (0–6)"),
        pl.col("nps").round(0).alias("NPS"),
        pl.col("low").round(0).alias("Lowest of the interval"),
        pl.col("high").round(0).alias("Highest of the interval"),
    )


def funnel_table(counts: Mapping[str, int]) -> pl.DataFrame:
    """The funnel's numbers as a table: step, invitations, share of sent in per cent."""
    sent = counts.get("sent", 0)
    return pl.DataFrame(
        [
            {"Step": name, "Invitations": counts.get(step, 0), "% of sent": _percent(counts.get(step, 0), sent)}
            for step, name in STEPS
        ],
        schema={"Step": pl.String, "Invitations": pl.Int64, "% of sent": pl.Float64},
    )


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
