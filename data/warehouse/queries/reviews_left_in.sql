-- My Reviews: the reviews that its filters leave, but for how far their reply is, which its tabs count: every column, and
-- state ('answered', 'drafted', 'open'). `$drafted` are those of which the ledger has a draft.
select
    *,
    case
        when reply is not null then 'answered'
        when list_contains($drafted, review_id) then 'drafted'
        else 'open'
    end as state
from reviews
where account_id = $account
    and list_contains($places, location_id)
    and ($since is null or reviewed_at >= $since)
    and ($ends is null or reviewed_at < $ends)
    and ($platform is null or platform = $platform)
    and ($stars is null or stars = $stars)
    and (
        $search is null
        or contains(folded(reviewer_name), $search)
        or contains(folded(body), $search)
        or customer_id in (select customer_id from found)
    )
