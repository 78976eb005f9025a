-- Invitations by account, location and the location's day of the first hand-over (before it, the day the invitation was
-- made): how many were planned and how many reached each stage. Up to the click a later stage implies the ones before
-- (an SMS tells nothing of being opened, but its click does); an answer (a score or stars, told as `scored`), a choice and a
-- review are counted as they are.
-- What a machine opened or clicked does not count. E-mail counts as delivered when the recipient's server took it.
with seen as (
    select
        invitation_id,
        bool_or(kind in ('sent', 'delivered', 'accepted_by_server', 'read')) as is_sent,
        bool_or(kind in ('delivered', 'accepted_by_server', 'read')) as is_delivered,
        bool_or(kind in ('opened', 'read') and evidence is distinct from 'machine') as is_opened,
        bool_or(kind = 'clicked' and evidence is distinct from 'machine') as is_clicked,
        bool_or(kind = 'scored') as is_scored,
        bool_or(kind = 'platform_chosen' and evidence is distinct from 'machine') as is_chosen,
        bool_or(kind = 'review_linked') as is_reviewed
    from core_events
    where invitation_id is not null
    group by invitation_id
),
messages as (
    select
        invitation_id,
        bool_or(status in ('sent', 'delivered')) as is_sent,
        bool_or(status = 'delivered') as is_delivered
    from core_requests
    group by invitation_id
),
stages as (
    select
        i.account_id,
        i.location_id,
        cast(timezone(l.time_zone, coalesce(i.first_handed_at, i.started_at)) as date) as first_handed_date,
        coalesce(m.is_sent, false) or coalesce(e.is_sent, false) as is_sent,
        coalesce(m.is_delivered, false) or coalesce(e.is_delivered, false) as is_delivered,
        coalesce(e.is_opened, false) as is_opened,
        -- Scoring and choosing happen on the page that the link opens.
        coalesce(e.is_clicked or e.is_scored or e.is_chosen, false) or s.invitation_id is not null as is_visited,
        s.invitation_id is not null as is_scored,
        coalesce(e.is_chosen, false) as is_chosen,
        coalesce(e.is_reviewed, false)
        or exists (from core_reviews r where r.invitation_id = i.invitation_id) as is_reviewed
    from core_invitations i
    join core_locations l using (location_id)
    left join seen e on e.invitation_id = i.invitation_id
    left join messages m on m.invitation_id = i.invitation_id
    left join core_scores s on s.invitation_id = i.invitation_id
)
select
    account_id,
    location_id,
    first_handed_date,
    count(*) as planned,
    count(*) filter (where is_sent or is_delivered or is_opened or is_visited) as sent,
    count(*) filter (where is_delivered or is_opened or is_visited) as delivered,
    count(*) filter (where is_opened or is_visited) as opened,
    count(*) filter (where is_visited) as clicked,
    count(*) filter (where is_scored) as scored,
    count(*) filter (where is_chosen) as platform_chosen,
    count(*) filter (where is_reviewed) as reviewed
from stages
group by account_id, location_id, first_handed_date
order by account_id, location_id, first_handed_date
