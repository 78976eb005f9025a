-- One row per review; customer_id is null where nobody knows which ask it followed.
select
    r.review_id,
    i.customer_id,
    r.invitation_id,
    r.account_id,
    r.location_id,
    r.reviewer_name,
    r.platform,
    r.stars,
    r.body,
    r.sentiment,
    r.reply,
    r.reviewed_at
from core_reviews r
left join core_invitations i on i.invitation_id = r.invitation_id
order by r.review_id
