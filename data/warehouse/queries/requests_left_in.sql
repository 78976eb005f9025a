-- Requests page: the messages that its filters leave, but for the status, which its tabs count: every column.
select *
from requests
where account_id = $account
    and list_contains($places, location_id)
    and ($channel is null or channel = $channel)
    and ($list is null or coalesce(list_name, '') = $list)
    and ($since is null or coalesce(handed_at, not_before) >= $since)
    and ($ends is null or coalesce(handed_at, not_before) < $ends)
    and (
        $search is null
        or customer_id in (select customer_id from found)
        or contains(folded(former_address), $search)
        or ($digits is not null and contains(former_address, $digits))
    )
