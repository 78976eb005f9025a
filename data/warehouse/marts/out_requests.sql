-- Requests page: one row per request, with what the screen calls its status (product/requests-page.txt): sending, in
-- doubt and paused show as Queued with a note; an e-mail stays Sent, because nobody confirms that it reached a person.
-- retries: follow-up steps of the invitation handed over, never transport attempts.
-- Two locations may have one name, which customers read: then their slugs tell them apart here.
with places as (
    select * replace (
        case when count(*) over (partition by account_id, name) > 1 then concat(name, ' (', slug, ')') else name end as name
    )
    from core_locations
),
follow_ups as (
    select invitation_id, count(distinct step) as retries
    from core_requests
    where step > 0 and handed_at is not null
    group by invitation_id
)
select
    r.request_id,
    r.invitation_id,
    i.customer_id,
    i.person_id,
    r.account_id,
    r.location_id,
    l.name as location_name,
    l.time_zone as location_time_zone,
    trim(concat_ws(' ', c.first_name, c.last_name)) as name,
    r.address,
    r.channel,
    r.step,
    r.status,
    case
        when r.status in ('queued', 'sending', 'in_doubt') then 'Queued'
        when r.status = 'delivered' and r.channel = 'email' then 'Sent'
        when r.status = 'sent' then 'Sent'
        when r.status = 'delivered' then 'Delivered'
        when r.status = 'failed' then 'Failed'
        when r.status = 'canceled' then 'Canceled'
    end as screen_status,
    case
        when r.status in ('queued', 'sending') and r.paused_at is not null then 'paused' -- nothing of it has left
        when r.status = 'in_doubt' then 'in doubt'
        when r.status = 'sending' then 'sending'
        when r.status = 'queued' and r.handed_at is not null then 'goes again' -- the provider took it, and failed later
    end as note,
    case
        when r.status in ('queued', 'failed') then coalesce(r.failure_reason, r.failure_code)
    end as failure_reason,
    coalesce(i.sent_by, 'Automation') as sent_by,
    li.list_id,
    li.name as list_name,
    r.handed_at,
    r.not_before,
    r.created_at,
    coalesce(f.retries, 0) as retries,
    t.slug as template_slug,
    case
        when r.address is distinct from c.email and r.address is distinct from c.phone then lower(ltrim(r.address, '+'))
    end as former_address
from core_requests r
join core_invitations i using (invitation_id)
join core_customers c on c.customer_id = i.customer_id
join places l on l.location_id = r.location_id
left join core_lists li on li.list_id = coalesce(i.list_id, c.list_id)
left join core_templates t on t.template_id = r.template_id
left join follow_ups f on f.invitation_id = r.invitation_id
order by r.request_id
