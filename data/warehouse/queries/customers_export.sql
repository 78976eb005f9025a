-- Customers page, export: every customer that the page's filters leave, newest invited first, in the page's words:
-- invited_on (text in the location's own zone), location, first_name, last_name, email, phone, source, list, employee,
-- service, status, nps_score, stars, platform, stars_on_your_page, do_not_contact. No limit: the file is asked for.
select
    strftime(timezone(location_time_zone, invited_at), '%Y-%m-%d %H:%M') as invited_on,
    location_name as location,
    first_name,
    last_name,
    email,
    phone,
    source,
    list_name as list,
    employee,
    service,
    case
        when invited_at is null and coalesce(invitation_status, 'active') = 'active' then 'not_invited'
        else invitation_status
    end as status,
    score as nps_score,
    stars,
    review_platform as platform,
    stars_given as stars_on_your_page,
    is_suppressed as do_not_contact
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
    and ($status is null or status = $status)
order by invited_at desc nulls last, customer_id desc
