-- Customers page: how many customers stand where, by the status of their latest invitation ('not_invited' while no
-- message of it has left): standing, customers. The pager's total is taken from here too.
select
    case
        when invited_at is null and coalesce(invitation_status, 'active') = 'active' then 'not_invited'
        else invitation_status
    end as standing,
    count(*) as customers
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
group by all
order by standing
