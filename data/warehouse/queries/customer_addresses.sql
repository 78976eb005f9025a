-- Customer panel, profile: where the messages of a customer's latest invitation went, the first one first:
-- channel, address. The customer's own addresses may be others by now.
select channel, address
from requests
where customer_id = $customer
    and account_id = $account
    and list_contains($places, location_id)
    and handed_at is not null
    and invitation_id = (select invitation_id from customers where customer_id = $customer)
group by channel, address
order by min(handed_at), channel
