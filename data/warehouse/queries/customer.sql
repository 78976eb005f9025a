-- Customer panel, profile: every column of one customer, or no row when it is not the viewer's to see.
select *
from customers
where customer_id = $customer and account_id = $account and list_contains($places, location_id)
