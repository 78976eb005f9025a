-- Requests page: one row per message, newest first (what is still to come on top).
-- request_id, invitation_id, customer_id, name, address, channel, sent_by, screen_status, note, failure_reason,
-- handed_at, not_before, retries, list_name, location_name, location_time_zone.
-- The order is one of a fixed list (data.warehouse.pages); request_id makes it stable.
select
    request_id, invitation_id, customer_id, name, address, channel, sent_by, screen_status, note, failure_reason,
    handed_at, not_before, retries, list_name, location_name, location_time_zone
from requests
where account_id = $account
    and list_contains($places, location_id)
    and list_contains($statuses, screen_status)
    and ($channel is null or channel = $channel)
    and ($list is null or coalesce(list_name, '') = $list)
    and ($since is null or coalesce(handed_at, not_before) >= $since)
    and ($ends is null or coalesce(handed_at, not_before) < $ends)
    and ($search is null or contains(search, $search) or ($digits is not null and contains(search, $digits)))
order by coalesce(handed_at, not_before) desc, request_id desc -- order
limit $limit offset $offset
