-- Overview, NPS over time: one row per week (its Monday) with scores: week, promoters, passives, detractors; of everybody,
-- or of one member of a dimension.
select
    cast(date_trunc('week', scored_date) as date) as week,
    cast(sum(promoters) as bigint) as promoters,
    cast(sum(passives) as bigint) as passives,
    cast(sum(detractors) as bigint) as detractors
from nps_by
where account_id = $account
    and list_contains($places, location_id)
    and dimension = coalesce($dimension, 'location')
    and ($dimension is null or member = $member)
    and ($since_day is null or scored_date >= $since_day)
    and ($last_day is null or scored_date <= $last_day)
group by week
order by week
