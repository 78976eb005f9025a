-- Overview: who is behind a figure, a row an invitation, newest first: customer_id, first_name, last_name, email, phone,
-- location_name, first_handed_date, channel, score, stars_given, scored_date, is_reviewed, and how many there are of them
-- all (people). $stage: a step of the funnel (of invitations of the period), a band of NPS, `answered` (any score)
-- or `starred` (of answers of the period), `timed` (of reviews of the period). $dimension and $member narrow it.
select
    customer_id, first_name, last_name, email, phone, c.location_name, first_handed_date, channel,
    i.score, i.stars_given, scored_date, is_reviewed, count(*) over () as people
from (
    select
        *,
        case $counted_by when 'answer' then scored_date when 'review' then reviewed_date else first_handed_date end as day
    from invitations
    where account_id = $account and list_contains($places, location_id)
) as i
join customers c using (customer_id)
where (
        $dimension is null
        or $member = coalesce(
            case $dimension
                when 'location' then i.location_name
                when 'employee' then i.employee
                when 'service' then i.service
                when 'template' then template_slug
                when 'channel' then channel
                when 'list' then i.list_name
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
        when 'answered' then i.score is not null
        when 'promoters' then i.score >= 9
        when 'passives' then i.score between 7 and 8
        when 'detractors' then i.score <= 6
        when 'starred' then i.stars_given is not null
        when 'timed' then seconds_to_review is not null
    end
    and ($since_day is null or day >= $since_day)
    and ($last_day is null or day <= $last_day)
order by first_handed_date desc, i.invitation_id desc
limit $limit offset $offset
