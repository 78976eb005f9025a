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
    standing as status,
    score as nps_score,
    stars,
    review_platform as platform,
    stars_given as stars_on_your_page,
    is_suppressed as do_not_contact
from customers -- left in
where $status is null or standing = $status
order by invited_at desc nulls last, customer_id desc
