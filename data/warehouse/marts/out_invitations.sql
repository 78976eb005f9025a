-- One row per invitation. Days are the location's; first_handed_date: before the first hand-over, the day on which the
-- invitation was made. Up to the click a later stage implies the ones before (an SMS tells nothing of being opened, but
-- its click does): opened_date and clicked_date are the earliest day that proves it. What a machine opened or clicked
-- does not count. E-mail counts as delivered when the recipient's server took it. channel and template_slug are those
-- of the message that was answered; without an answer, of the first one. seconds_to_review: from the first hand-over to
-- the first review linked.
-- Two locations may have one name, which customers read: then their slugs tell them apart here.
with places as (
    select * replace (
        case when count(*) over (partition by account_id, name) > 1 then concat(name, ' (', slug, ')') else name end as name
    )
    from core_locations
),
seen as (
    select
        invitation_id,
        bool_or(kind in ('sent', 'delivered', 'accepted_by_server', 'read')) as is_sent,
        bool_or(kind in ('delivered', 'accepted_by_server', 'read')) as is_delivered,
        min(occurred_at) filter (where kind in ('opened', 'read') and evidence is distinct from 'machine') as opened_at,
        min(occurred_at) filter (where kind = 'clicked' and evidence is distinct from 'machine') as clicked_at,
        min(occurred_at) filter (where kind = 'scored') as answered_at,
        min(occurred_at) filter (where kind = 'platform_chosen' and evidence is distinct from 'machine') as chosen_at,
        min(occurred_at) filter (where kind = 'review_linked') as linked_at
    from core_events
    where invitation_id is not null
    group by invitation_id
),
messages as (
    select
        invitation_id,
        bool_or(status in ('sent', 'delivered')) as is_sent,
        bool_or(status = 'delivered') as is_delivered,
        arg_min(request_id, (step, coalesce(handed_at, not_before), request_id)) as first_request_id
    from core_requests
    group by invitation_id
),
first_reviews as (
    select invitation_id, min(reviewed_at) as reviewed_at from core_reviews where invitation_id is not null group by 1
),
together as (
    select
        i.*,
        l.name as location_name,
        l.time_zone,
        c.employee,
        c.service,
        li.name as list_name,
        t.slug as template_slug,
        r.channel,
        coalesce(m.is_sent, false) or coalesce(e.is_sent, false) as was_sent,
        coalesce(m.is_delivered, false) or coalesce(e.is_delivered, false) as was_delivered,
        -- Scoring and choosing happen on the page that the link opens.
        least(e.clicked_at, e.answered_at, e.chosen_at, s.scored_at) as visited_at,
        e.opened_at,
        s.scored_at,
        e.chosen_at,
        coalesce(v.reviewed_at, e.linked_at) as reviewed_at,
        v.reviewed_at as dated_at,
        s.score,
        s.stars
    from core_invitations i
    join places l using (location_id)
    left join core_customers c on c.customer_id = i.customer_id
    left join core_lists li on li.list_id = coalesce(i.list_id, c.list_id)
    left join seen e on e.invitation_id = i.invitation_id
    left join messages m on m.invitation_id = i.invitation_id
    left join core_scores s on s.invitation_id = i.invitation_id
    left join core_requests r on r.request_id = coalesce(s.request_id, m.first_request_id)
    left join core_templates t on t.template_id = r.template_id
    left join first_reviews v on v.invitation_id = i.invitation_id
)
select
    invitation_id,
    account_id,
    location_id,
    customer_id,
    location_name,
    employee,
    service,
    template_slug,
    channel,
    list_name,
    cast(timezone(time_zone, coalesce(first_handed_at, started_at)) as date) as first_handed_date,
    was_sent or was_delivered or opened_at is not null or visited_at is not null as is_sent,
    was_delivered or opened_at is not null or visited_at is not null as is_delivered,
    cast(timezone(time_zone, least(opened_at, visited_at)) as date) as opened_date,
    cast(timezone(time_zone, visited_at) as date) as clicked_date,
    cast(timezone(time_zone, scored_at) as date) as scored_date,
    cast(timezone(time_zone, chosen_at) as date) as chosen_date,
    cast(timezone(time_zone, reviewed_at) as date) as reviewed_date,
    reviewed_at is not null as is_reviewed,
    score,
    stars as stars_given,
    case when dated_at >= first_handed_at then date_diff('second', first_handed_at, dated_at) end as seconds_to_review
from together
order by account_id, location_id, first_handed_date, invitation_id
