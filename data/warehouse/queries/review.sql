-- My Reviews, one review by its number, whatever the period: the columns of reviews_page.sql.
select
    review_id, r.location_id, r.customer_id, reviewer_name, platform, r.stars, body, sentiment, reply, reviewed_at,
    trim(concat_ws(' ', c.first_name, c.last_name)) as customer_name,
    case when r.invitation_id = c.invitation_id then c.score end as score
from reviews r
left join (select customer_id, invitation_id, first_name, last_name, score from customers) c using (customer_id)
where review_id = $review and account_id = $account and list_contains($places, location_id)
