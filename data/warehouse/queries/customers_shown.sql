-- Customers page: one row per customer on the page with the latest invitation, in the order of $on_page:
-- customer_id, person_id, first_name, last_name, email, phone, location_name, location_time_zone, source, list_name,
-- invitation_id, invitation_status, invited_at, is_suppressed, score, stars, stars_given, review_platform, standing.
-- standing is the invitation's status, or 'not_invited' while no message of it has left (and nobody stopped it).
select
    customer_id, person_id, first_name, last_name, email, phone, location_name, location_time_zone, source, list_name,
    invitation_id, invitation_status, invited_at, is_suppressed, score, stars, stars_given, review_platform, standing
from customers
where account_id = $account
    and list_contains($places, location_id)
    and customer_id in (select unnest($on_page))
order by list_position($on_page, customer_id)
