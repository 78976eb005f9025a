-- Customers page: one row per customer with the latest invitation, the newest score they gave over all invitations and
-- the newest review linked to one. standing: the latest invitation's status, or 'not_invited' while no message of it has
-- left (and nobody stopped it). request_count: messages of the latest invitation handed over; follow_up_count: its
-- follow-up steps handed over. is_suppressed: neither the e-mail address nor the phone number may be written to, by the
-- same reading of suppressions as data.ledger.suppressions.is_suppressed; WhatsApp goes with the phone number.
-- Two locations may have one name, which customers read: then their slugs tell them apart here.
with places as (
    select * replace (
        case when count(*) over (partition by account_id, name) > 1 then concat(name, ' (', slug, ')') else name end as name
    )
    from core_locations
),
latest_invitations as (
    select * from core_invitations
    qualify row_number() over (partition by customer_id order by started_at desc, invitation_id desc) = 1
),
newest_scores as (
    select i.customer_id, s.score, s.scored_at
    from core_scores s join core_invitations i using (invitation_id)
    where s.score is not null
    qualify row_number() over (partition by i.customer_id order by s.scored_at desc, s.invitation_id desc) = 1
),
-- Stars are no answer to the NPS question: they never stand where a score does.
newest_stars as (
    select i.customer_id, s.stars
    from core_scores s join core_invitations i using (invitation_id)
    where s.stars is not null
    qualify row_number() over (partition by i.customer_id order by s.scored_at desc, s.invitation_id desc) = 1
),
newest_reviews as (
    select i.customer_id, r.review_id, r.platform, r.stars
    from core_reviews r join core_invitations i using (invitation_id)
    qualify row_number() over (partition by i.customer_id order by r.reviewed_at desc, r.review_id desc) = 1
),
messages as (
    select
        invitation_id,
        count(*) filter (where handed_at is not null) as request_count,
        count(distinct step) filter (where step > 0 and handed_at is not null) as follow_up_count
    from core_requests
    group by invitation_id
),
-- What was last said of a person on a channel: on all channels, or lifted for this one (START).
of_person as (
    select a.person_id, c.channel, arg_max(s.effect, s.suppression_id) as effect
    from core_suppressions s
    join core_person_addresses a using (account_id, kind, address)
    join (values ('sms'), ('email')) as c (channel)
        on s.channel is null or (s.channel = c.channel and s.effect = 'restore')
    group by a.person_id, c.channel
),
of_address as (
    select account_id, address, channel, arg_max(effect, suppression_id) as effect
    from core_suppressions
    where channel is not null
    group by account_id, address, channel
)
select
    c.customer_id,
    c.person_id,
    c.account_id,
    c.location_id,
    l.name as location_name,
    l.time_zone as location_time_zone,
    c.first_name,
    c.last_name,
    c.email,
    c.phone,
    c.employee,
    c.service,
    c.source,
    li.name as list_name,
    folded(concat_ws(' ', c.first_name, c.last_name, c.email, regexp_replace(c.phone, '[^0-9]', '', 'g'))) as search,
    i.invitation_id,
    i.status as invitation_status,
    case
        when i.first_handed_at is null and coalesce(i.status, 'active') = 'active' then 'not_invited'
        else i.status
    end as standing,
    i.first_handed_at as invited_at,
    i.started_at,
    (
        c.email is null
        or coalesce(person_email.effect = 'suppress', false)
        or coalesce(address_email.effect = 'suppress', false)
    )
    and (
        c.phone is null
        or coalesce(person_sms.effect = 'suppress', false)
        or coalesce(address_sms.effect = 'suppress', false)
    ) as is_suppressed,
    s.score,
    s.scored_at,
    g.stars as stars_given,
    r.stars,
    r.platform as review_platform,
    r.review_id,
    coalesce(m.request_count, 0) as request_count,
    coalesce(m.follow_up_count, 0) as follow_up_count
from core_customers c
join places l using (location_id)
left join core_lists li on li.list_id = c.list_id
left join latest_invitations i on i.customer_id = c.customer_id
left join newest_scores s on s.customer_id = c.customer_id
left join newest_stars g on g.customer_id = c.customer_id
left join newest_reviews r on r.customer_id = c.customer_id
left join messages m on m.invitation_id = i.invitation_id
left join of_person person_email on person_email.person_id = c.person_id and person_email.channel = 'email'
left join of_person person_sms on person_sms.person_id = c.person_id and person_sms.channel = 'sms'
left join of_address address_email
    on address_email.account_id = c.account_id and address_email.address = c.email and address_email.channel = 'email'
left join of_address address_sms
    on address_sms.account_id = c.account_id and address_sms.address = c.phone and address_sms.channel = 'sms'
order by c.customer_id
