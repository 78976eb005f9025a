-- Customers page: one row per customer with the latest invitation, the latest invited first.
-- customer_id, first_name, last_name, email, phone, location_name, location_time_zone, source, list_name,
-- invitation_id, invitation_status, invited_at, is_suppressed, score, stars, review_platform, follow_up_count.
-- A period leaves out only those who were invited before it: who was never invited has no date to be judged by.
-- The order is one of a fixed list (data.warehouse.pages); customer_id makes it stable.
select
    customer_id, first_name, last_name, email, phone, location_name, location_time_zone, source, list_name,
    invitation_id, invitation_status, invited_at, is_suppressed, score, stars, review_platform, follow_up_count
from customers
where account_id = $account
    and list_contains($places, location_id)
    and ($since is null or invited_at is null or invited_at >= $since)
    and ($status is null or coalesce(invitation_status, 'not_invited') = $status)
    and ($search is null or contains(search, $search) or ($digits is not null and contains(search, $digits)))
order by invited_at desc nulls last, customer_id desc -- order
limit $limit offset $offset
