-- Customers page: one row per customer with the latest invitation, the latest invited first.
-- customer_id, person_id, first_name, last_name, email, phone, location_name, location_time_zone, source, list_name,
-- invitation_id, invitation_status, standing, invited_at, is_suppressed, score, stars, stars_given, review_platform.
-- standing is the invitation's status, or 'not_invited' while no message of it has left (and nobody stopped it).
-- The order is one of a fixed list (data.warehouse.customers); customer_id makes it stable. Who is on the page is looked
-- for first: of everybody only what the filters and the order need is read.
with on_page as (
    select customer_id
    from customers -- left in
    where $status is null or standing = $status
    order by invited_at desc nulls last, customer_id desc -- order
    limit $limit offset $offset
)
select
    customer_id, person_id, first_name, last_name, email, phone, location_name, location_time_zone, source, list_name,
    invitation_id, invitation_status, invited_at, is_suppressed, score, stars, stars_given, review_platform, standing
from customers
where customer_id in (select customer_id from on_page)
order by invited_at desc nulls last, customer_id desc -- order
