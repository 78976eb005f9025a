-- Overview: how long it took from the first message to the review, of the reviews of three spans of days, a row each
-- (span: period, now, before): reviews, and in hours median_hours, low_hours, high_hours (null without any). Low and
-- high are the values between whose ranks the median lies, 95 times in 100 (Conover, Practical Nonparametric Statistics).
with spans (span, first_day, last_day) as (
    values
    ('period', cast($since_day as date), cast($last_day as date)),
    ('now', cast($now_first as date), cast($now_last as date)),
    ('before', cast($before_first as date), cast($before_last as date))
),

sorted as (
    select span, count(seconds_to_review) as reviews, list_sort(list(seconds_to_review)) as seconds
    from spans
    left join invitations
        on account_id = $account
        and list_contains($places, location_id)
        and seconds_to_review is not null
        and (first_day is null or reviewed_date >= first_day)
        and (last_day is null or reviewed_date <= last_day)
    group by span
),

ranked as (
    select *, 1.96 * sqrt(reviews) / 2 as reach from sorted
)

select
    span,
    reviews,
    list_median(seconds) / 3600 as median_hours,
    seconds[cast(greatest(1, floor(reviews / 2 - reach)) as bigint)] / 3600 as low_hours,
    seconds[cast(least(reviews, ceil(reviews / 2 + reach) + 1) as bigint)] / 3600 as high_hours
from ranked
