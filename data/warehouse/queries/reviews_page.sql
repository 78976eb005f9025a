-- My Reviews: one row per review, newest first, with the customer who wrote it where that is known.
-- review_id, location_id, customer_id, reviewer_name, platform, stars, body, sentiment, reply, reviewed_at,
-- customer_name, score (the linked invitation's, while it is the customer's latest).
-- The order is one of a fixed list (data.warehouse.reviews); review_id makes it stable. Customers are looked up for the
-- rows of the page only.
with chosen as (
    select
        review_id, location_id, customer_id, invitation_id, reviewer_name, platform, stars, body, sentiment, reply,
        reviewed_at
    from reviews -- left in
    where $reply_state is null or state = $reply_state
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
    where customer_id in (select customer_id from chosen)
) on known_id = customer_id
order by reviewed_at desc, review_id desc -- order
