-- Customers page: one row per customer with the latest invitation, the latest invited first.
-- customer_id, person_id, first_name, last_name, email, phone, location_name, location_time_zone, source, list_name,
-- invitation_id, invitation_status, standing, invited_at, is_suppressed, score, stars, stars_given, review_platform.
-- standing is the invitation's status, or 'not_invited' while no message of it has left (and nobody stopped it).
-- A period leaves out only those who were invited before it: who was never invited has no date to be judged by.
-- The order is one of a fixed list (data.warehouse.customers); customer_id makes it stable.
select
    customer_id, person_id, first_name, last_name, email, phone, location_name, location_time_zone, source, list_name,
    invitation_id, invitation_status, invited_at, is_suppressed, score, stars, stars_given, review_platform,
    case
        when invited_at is null and coalesce(invitation_status, 'active') = 'active' then 'not_invited'
        else invitation_status
    end as standing
from customers
where account_id = $account
    and list_contains($places, location_id)
    and ($since is null or invited_at is null or invited_at >= $since)
    and ($ends is null or invited_at is null or invited_at < $ends)
    and ($search is null or contains(search, $search) or ($digits is not null and contains(search, $digits)))
    and ($source is null or source = $source)
    and ($list_name is null or list_name = $list_name)
    and ($employee is null or employee = $employee)
    and ($service is null or service = $service)
    and ($among is null or list_contains($among, customer_id))
    and (
        $answer is null
        or case $answer
            when 'promoter' then score >= 9
            when 'passive' then score between 7 and 8
            when 'detractor' then score <= 6
            when 'stars' then stars_given is not null
            when 'review' then review_id is not null
            else score is null and stars_given is null and review_id is null
        end
    )
    and ($status is null or standing = $status)
order by invited_at desc nulls last, customer_id desc -- order
limit $limit offset $offset
