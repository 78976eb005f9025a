-- Overview, NPS by location, employee, service, template, channel or list ($dimension): a row a member, most answers
-- first: member ('' where nobody knows which), promoters, passives, detractors; and of all members together, to compare:
-- members, all_promoters, all_passives, all_detractors.
with counted as (
    select
        member,
        cast(sum(promoters) as bigint) as promoters,
        cast(sum(passives) as bigint) as passives,
        cast(sum(detractors) as bigint) as detractors
    from nps_by
    where account_id = $account
        and list_contains($places, location_id)
        and dimension = $dimension
        and ($since_day is null or scored_date >= $since_day)
        and ($last_day is null or scored_date <= $last_day)
    group by member
)

select
    *,
    count(*) over () as members,
    cast(sum(promoters) over () as bigint) as all_promoters,
    cast(sum(passives) over () as bigint) as all_passives,
    cast(sum(detractors) over () as bigint) as all_detractors
from counted
order by promoters + passives + detractors desc, member
limit $limit offset $offset
