-- Overview, funnel: one row: how many invitations of the period came how far, and the same two ends for the period
-- before: planned, sent, delivered, opened, clicked, scored, platform_chosen, reviewed, sent_before, scored_before.
-- Invitations whose first message has not left yet have no day; they count as planned in every period.
select
    cast(coalesce(sum(planned) filter (where is_now), 0) as bigint) as planned,
    cast(coalesce(sum(sent) filter (where is_now), 0) as bigint) as sent,
    cast(coalesce(sum(delivered) filter (where is_now), 0) as bigint) as delivered,
    cast(coalesce(sum(opened) filter (where is_now), 0) as bigint) as opened,
    cast(coalesce(sum(clicked) filter (where is_now), 0) as bigint) as clicked,
    cast(coalesce(sum(scored) filter (where is_now), 0) as bigint) as scored,
    cast(coalesce(sum(platform_chosen) filter (where is_now), 0) as bigint) as platform_chosen,
    cast(coalesce(sum(reviewed) filter (where is_now), 0) as bigint) as reviewed,
    cast(coalesce(sum(sent) filter (where not is_now), 0) as bigint) as sent_before,
    cast(coalesce(sum(scored) filter (where not is_now), 0) as bigint) as scored_before
from (
    select *, $since_day is null or first_handed_date is null or first_handed_date >= $since_day as is_now
    from funnel
    where account_id = $account
        and list_contains($places, location_id)
        and ($before_day is null or first_handed_date is null or first_handed_date >= $before_day)
)
