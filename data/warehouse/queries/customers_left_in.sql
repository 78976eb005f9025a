-- Customers page: the customers whom its filters leave, but for the status, which its tabs count: every column.
-- A period leaves out only those who were invited before or after it: who was never invited has no date to be judged by.
select *
from customers
where account_id = $account
    and list_contains($places, location_id)
    and ($since is null or invited_at is null or invited_at >= $since)
    and ($ends is null or invited_at is null or invited_at < $ends)
    and ($search is null or customer_id in (select customer_id from found))
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
