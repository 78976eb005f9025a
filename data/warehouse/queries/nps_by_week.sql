-- Overview, NPS over time: one row per week (its Monday) with scores: week, responses, promoters, passives,
-- detractors, nps, low, high. The last three are null below $minimum responses, so that a chart shows a gap there.
-- The interval is the 95 % one of a mean of -1, 0, +1.
with weekly as (
    select
        cast(date_trunc('week', scored_date) as date) as week,
        sum(promoters) as promoters, sum(passives) as passives, sum(detractors) as detractors,
        sum(promoters + passives + detractors) as responses
    from nps
    where account_id = $account
        and list_contains($places, location_id)
        and ($since_day is null or scored_date >= $since_day)
    group by all
),

measured as (
    select
        *,
        (promoters - detractors) / responses as mean,
        1.96 * sqrt(greatest(0, (promoters + detractors) / responses - pow((promoters - detractors) / responses, 2))
            / responses) as reach
    from weekly
    where responses > 0
)

select
    week,
    cast(responses as bigint) as responses,
    cast(promoters as bigint) as promoters,
    cast(passives as bigint) as passives,
    cast(detractors as bigint) as detractors,
    case when responses >= $minimum then 100 * mean end as nps,
    case when responses >= $minimum then greatest(-100, 100 * (mean - reach)) end as low,
    case when responses >= $minimum then least(100, 100 * (mean + reach)) end as high
from measured
order by week
