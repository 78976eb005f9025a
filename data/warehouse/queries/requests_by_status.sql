-- Requests page: how many messages of each status the other filters leave: screen_status, messages.
-- The pager's total is the sum over the chosen statuses, so one scan answers both.
select screen_status, count(*) as messages
from requests
where account_id = $account
    and list_contains($places, location_id)
    and ($channel is null or channel = $channel)
    and ($list is null or coalesce(list_name, '') = $list)
    and ($since is null or coalesce(handed_at, not_before) >= $since)
    and ($ends is null or coalesce(handed_at, not_before) < $ends)
    and ($search is null or contains(search, $search) or ($digits is not null and contains(search, $digits)))
group by screen_status
order by screen_status
