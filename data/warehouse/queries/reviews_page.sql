-- My Reviews: one row per review, newest first, with the customer who wrote it where that is known.
-- review_id, location_id, customer_id, reviewer_name, platform, stars, body, sentiment, reply, reviewed_at,
-- customer_name, score (the linked invitation's, while it is the customer's latest).
-- The order is one of a fixed list (data.warehouse.reviews); review_id makes it stable. Customers are looked up for the
-- rows of the page only.
with chosen as (
    select
        review_id, location_id, customer_id, invitation_id, reviewer_name, platform, stars, body, sentiment, reply,
        reviewed_at
    from reviews
    where account_id = $account
        and list_contains($places, location_id)
        and ($since is null or reviewed_at >= $since)
        and ($ends is null or reviewed_at < $ends)
        and ($platform is null or platform = $platform)
        and ($stars is null or stars = $stars)
        and (
            $reply_state is null
            or $reply_state = case
                when reply is not null then 'answered'
                when list_contains($drafted, review_id) then 'drafted'
                else 'open'
            end
        )
        and (
            $search is null
            or contains(lower(reviewer_name), $search)
            or contains(lower(body), $search)
            or customer_id in (
                select customer_id from customers where account_id = $account and contains(search, $search)
            )
        )
order by reviewed_at desc, review_id desc -- order
    limit $limit offset $offset
)
select
    review_id, location_id, customer_id, reviewer_name, platform, stars, body, sentiment, reply, reviewed_at,
    customer_name, case when invitation_id = latest_id then score end as score
from chosen
left join (
    select
        customer_id as known_id, invitation_id as latest_id, score, trim(concat_ws(' ', first_name, last_name)) as customer_name
    from customers
) on known_id = customer_id
order by reviewed_at desc, review_id desc -- order
