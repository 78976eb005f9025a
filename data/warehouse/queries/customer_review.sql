-- Customer panel, linked review: the newest review that followed an invitation of this customer.
-- review_id, invitation_id, reviewer_name, platform, stars, body, sentiment, reply, reviewed_at.
select review_id, invitation_id, reviewer_name, platform, stars, body, sentiment, reply, reviewed_at
from reviews
where customer_id = $customer and account_id = $account and list_contains($places, location_id)
order by reviewed_at desc, review_id desc
limit 1
