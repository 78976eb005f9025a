-- Sent invitations by account, location, day of the first hand-over and the day on which they were first opened,
-- clicked, answered (`stage`). A clock that ran wrong does not make a stage come before the message.
with stages as (
    select *, unnest([opened_date, clicked_date, scored_date]) as day, unnest(['opened', 'clicked', 'scored']) as stage
    from out_invitations
    where is_sent
)
select
    account_id,
    location_id,
    first_handed_date,
    greatest(day, first_handed_date) as reached_date,
    stage,
    count(*) as invitations
from stages
where day is not null
group by all
order by account_id, location_id, first_handed_date, reached_date, stage
