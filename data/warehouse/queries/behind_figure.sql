-- Overview: who is behind a figure, a row an invitation, newest first: customer_id, first_name, last_name, email, phone,
-- location_name, first_handed_date, channel, score, stars_given, scored_date, is_reviewed, and how many there are of them
-- all (people). $stage: a step of the funnel (of invitations of the period), a band of NPS, `answered` (any score)
-- or `starred` (of answers of the period), `timed` (of reviews of the period). $dimension and $member narrow it. Customers
-- are looked up for the rows of the page only; who is with another customer by now has no name here.
with of_scope as (
    select
        *,
        case $counted_by when 'answer' then scored_date when 'review' then reviewed_date else first_handed_date end as day
    from invitations
    where account_id = $account and list_contains($places, location_id)
),

behind as (
    select
        invitation_id, customer_id, location_name, first_handed_date, channel, score, stars_given, scored_date, is_reviewed
    from of_scope
    where (
            $dimension is null
            or $member = coalesce(
                case $dimension
                    when 'location' then location_name
                    when 'employee' then employee
                    when 'service' then service
                    when 'template' then template_slug
                    when 'channel' then channel
                    when 'list' then list_name
                end,
                ''
            )
        )
        and case $stage
            when 'planned' then true
            when 'sent' then is_sent
            when 'delivered' then is_delivered
            when 'opened' then opened_date is not null
            when 'clicked' then clicked_date is not null
            when 'scored' then scored_date is not null
            when 'platform_chosen' then chosen_date is not null
            when 'reviewed' then is_reviewed
            when 'answered' then score is not null
            when 'promoters' then score >= 9
            when 'passives' then score between 7 and 8
            when 'detractors' then score <= 6
            when 'starred' then stars_given is not null
            when 'timed' then seconds_to_review is not null
        end
        and ($since_day is null or day >= $since_day)
        and ($last_day is null or day <= $last_day)
),

on_page as (
    select *
    from behind
    order by first_handed_date desc, invitation_id desc
    limit $limit offset $offset
)

select
    customer_id, first_name, last_name, email, phone, i.location_name, first_handed_date, channel, score, stars_given,
    scored_date, is_reviewed, (select count(*) from behind) as people
from on_page i
left join (
    select customer_id, first_name, last_name, email, phone
    from customers
    where customer_id in (select customer_id from on_page)
) c using (customer_id)
order by first_handed_date desc, i.invitation_id desc
