-- Invitations by account, location and the location's day of the first hand-over (before it, the day the invitation was
-- made): how many were planned and how many reached each stage (marts/out_invitations.sql says when one counts as
-- reached). An answer (a score or stars, told as `scored`), a choice and a review are counted as they are.
select
    account_id,
    location_id,
    first_handed_date,
    count(*) as planned,
    count(*) filter (where is_sent) as sent,
    count(*) filter (where is_delivered) as delivered,
    count(opened_date) as opened,
    count(clicked_date) as clicked,
    count(scored_date) as scored,
    count(chosen_date) as platform_chosen,
    count(*) filter (where is_reviewed) as reviewed
from out_invitations
group by account_id, location_id, first_handed_date
order by account_id, location_id, first_handed_date
