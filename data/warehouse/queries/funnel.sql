-- Overview, funnel: one row: how many invitations of the period came how far: planned, sent, delivered, opened, clicked,
-- scored, platform_chosen, reviewed. Those whose first message has not left count on the day on which they were made.
select
    cast(coalesce(sum(planned), 0) as bigint) as planned,
    cast(coalesce(sum(sent), 0) as bigint) as sent,
    cast(coalesce(sum(delivered), 0) as bigint) as delivered,
    cast(coalesce(sum(opened), 0) as bigint) as opened,
    cast(coalesce(sum(clicked), 0) as bigint) as clicked,
    cast(coalesce(sum(scored), 0) as bigint) as scored,
    cast(coalesce(sum(platform_chosen), 0) as bigint) as platform_chosen,
    cast(coalesce(sum(reviewed), 0) as bigint) as reviewed
from funnel
where account_id = $account
    and list_contains($places, location_id)
    and ($since_day is null or first_handed_date >= $since_day)
    and ($last_day is null or first_handed_date <= $last_day)
