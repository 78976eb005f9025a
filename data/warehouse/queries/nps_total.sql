-- Overview, NPS card: the scores of a period and of the one before it, in one row:
-- promoters, passives, detractors, promoters_before, passives_before, detractors_before (0 where there are none).
select
    cast(coalesce(sum(promoters) filter (where is_now), 0) as bigint) as promoters,
    cast(coalesce(sum(passives) filter (where is_now), 0) as bigint) as passives,
    cast(coalesce(sum(detractors) filter (where is_now), 0) as bigint) as detractors,
    cast(coalesce(sum(promoters) filter (where not is_now), 0) as bigint) as promoters_before,
    cast(coalesce(sum(passives) filter (where not is_now), 0) as bigint) as passives_before,
    cast(coalesce(sum(detractors) filter (where not is_now), 0) as bigint) as detractors_before
from (
    select *, $since_day is null or scored_date >= $since_day as is_now
    from nps
    where account_id = $account
        and list_contains($places, location_id)
        and ($before_day is null or scored_date >= $before_day)
)
