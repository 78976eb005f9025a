-- The customers to whom the copy ascribes what changed in the ledger since: merging people moves an invitation, linking
-- again moves a review, and then the former owner's rows are stale too. Reads the registered frames
-- moved_invitations (invitation_id) and moved_reviews (review_id).
select customer_id from core_invitations semi join moved_invitations using (invitation_id)
union
select i.customer_id
from core_reviews r semi join moved_reviews using (review_id)
join core_invitations i on i.invitation_id = r.invitation_id
