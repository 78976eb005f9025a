-- Customers page: how many customers stand where, by the status of their latest invitation ('not_invited' without
-- one): invitation_status, customers. The pager's total is taken from here too.
select coalesce(invitation_status, 'not_invited') as invitation_status, count(*) as customers
from customers
where account_id = $account
    and list_contains($places, location_id)
    and ($since is null or invited_at is null or invited_at >= $since)
    and ($search is null or contains(search, $search) or ($digits is not null and contains(search, $digits)))
group by all
order by invitation_status
