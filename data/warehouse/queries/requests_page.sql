-- Requests page: one row per message, newest first (what is still to come on top).
-- request_id, invitation_id, customer_id, name, address, channel, sent_by, screen_status, note, failure_reason,
-- handed_at, not_before, retries, list_name, location_name, location_time_zone.
-- The order is one of a fixed list (data.warehouse.requests); request_id makes it stable. What is on the page is looked for
-- first: of all messages only what the filters and the order need is read.
with on_page as (
    select request_id
    from requests -- left in
    where list_contains($statuses, screen_status)
    order by coalesce(handed_at, not_before) desc, request_id desc -- order
    limit $limit offset $offset
)
select
    request_id, invitation_id, customer_id, name, address, channel, sent_by, screen_status, note, failure_reason,
    handed_at, not_before, retries, list_name, location_name, location_time_zone
from requests
where request_id in (select request_id from on_page)
order by coalesce(handed_at, not_before) desc, request_id desc -- order
