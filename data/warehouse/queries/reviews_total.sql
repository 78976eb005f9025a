-- My Reviews, cards: reviews, rated (with stars), average of their stars, low (1 to 3 stars), answered (with a reply), linked
-- (it is known which invitation they followed), each of the period.
select
    count(*) as reviews,
    count(stars) as rated,
    avg(stars) as average,
    count(*) filter (where stars <= 3) as low,
    count(reply) as answered,
    count(invitation_id) as linked
from reviews
where account_id = $account
    and list_contains($places, location_id)
    and ($since is null or reviewed_at >= $since)
    and ($ends is null or reviewed_at < $ends)
