-- A customer's history: every event of their invitations, every event of the person that belongs to no invitation (at
-- this location, or at none), and for each request not canceled when it was due (`planned`) and when it left
-- (`handed_over`), with keys below zero. An event of the person alone shows once for each customer that person is: ask
-- by customer_id. Sorted by customer_id, occurred_at, so that one customer's rows lie together.
with happened as (
    select i.customer_id, i.person_id, e.* exclude (person_id)
    from core_events e join core_invitations i on i.invitation_id = e.invitation_id
    union all by name
    select c.customer_id, c.person_id, e.* exclude (person_id)
    from core_events e
    join core_customers c
        on c.person_id = e.person_id and (e.location_id is null or e.location_id = c.location_id)
    where e.invitation_id is null
),
from_requests as (
    select
        r.request_id,
        r.invitation_id,
        i.customer_id,
        i.person_id,
        r.account_id,
        r.location_id,
        r.channel,
        case when r.step = 0 then 'first request' else concat('follow-up ', r.step) end as detail,
        r.handed_at,
        least(r.not_before, coalesce(r.handed_at, r.not_before)) as planned_at
    from core_requests r join core_invitations i using (invitation_id)
    where r.status <> 'canceled'
)
select
    h.event_id,
    h.customer_id,
    h.person_id,
    h.invitation_id,
    h.request_id,
    h.account_id,
    h.location_id,
    h.kind,
    h.occurred_at,
    h.channel,
    h.evidence,
    h.score,
    h.stars,
    p.name as platform_name,
    left(
        coalesce(
            h.detail ->> '$.comment', h.detail ->> '$.text', h.detail ->> '$.reason', h.detail ->> '$.platform',
            case when h.kind = 'scored' then s.comment end,
            h.code
        ),
        300
    ) as detail
from happened h
left join core_platforms p on p.platform_id = h.platform_id
left join core_scores s on s.invitation_id = h.invitation_id
union all by name
select
    -2 * request_id as event_id, customer_id, person_id, invitation_id, request_id, account_id, location_id,
    'planned' as kind, planned_at as occurred_at, channel, detail
from from_requests
union all by name
select
    -2 * request_id - 1 as event_id, customer_id, person_id, invitation_id, request_id, account_id, location_id,
    'handed_over' as kind, handed_at as occurred_at, channel, detail
from from_requests
where handed_at is not null
order by customer_id, occurred_at, event_id
