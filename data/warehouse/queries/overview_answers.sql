-- Overview: the answers of three spans of days, a row each (span: period, now, before): promoters, passives, detractors,
-- one_star, two_stars, three_stars, four_stars, five_stars; 0 where there are none. A null day does not bound.
with spans (span, first_day, last_day) as (
    values
    ('period', cast($since_day as date), cast($last_day as date)),
    ('now', cast($now_first as date), cast($now_last as date)),
    ('before', cast($before_first as date), cast($before_last as date))
)

select
    span,
    cast(coalesce(sum(promoters), 0) as bigint) as promoters,
    cast(coalesce(sum(passives), 0) as bigint) as passives,
    cast(coalesce(sum(detractors), 0) as bigint) as detractors,
    cast(coalesce(sum(one_star), 0) as bigint) as one_star,
    cast(coalesce(sum(two_stars), 0) as bigint) as two_stars,
    cast(coalesce(sum(three_stars), 0) as bigint) as three_stars,
    cast(coalesce(sum(four_stars), 0) as bigint) as four_stars,
    cast(coalesce(sum(five_stars), 0) as bigint) as five_stars
from spans
left join nps
    on account_id = $account
    and list_contains($places, location_id)
    and (first_day is null or scored_date >= first_day)
    and (last_day is null or scored_date <= last_day)
group by span
