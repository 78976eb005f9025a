-- Overview: of the invitations sent in two spans of days (span: now, before), how many were opened, clicked and answered
-- by the span's own end: span, sent, opened, clicked, scored. What came later does not count, or else the older span
-- would have had more time.
with spans (span, first_day, last_day) as (
    values
    ('now', cast($now_first as date), cast($now_last as date)),
    ('before', cast($before_first as date), cast($before_last as date))
),

sent as (
    select span, sum(sent) as sent
    from spans
    join funnel
        on account_id = $account
        and list_contains($places, location_id)
        and first_handed_date between first_day and last_day
    group by span
),

came as (
    select
        span,
        sum(invitations) filter (where stage = 'opened') as opened,
        sum(invitations) filter (where stage = 'clicked') as clicked,
        sum(invitations) filter (where stage = 'scored') as scored
    from spans
    join reached
        on account_id = $account
        and list_contains($places, location_id)
        and first_handed_date between first_day and last_day
        and reached_date <= last_day
    group by span
)

select
    span,
    cast(coalesce(sent, 0) as bigint) as sent,
    cast(coalesce(opened, 0) as bigint) as opened,
    cast(coalesce(clicked, 0) as bigint) as clicked,
    cast(coalesce(scored, 0) as bigint) as scored
from spans
left join sent using (span)
left join came using (span)
