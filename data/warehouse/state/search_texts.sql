-- What the customers of a copy are found by, and what decides who sees them, in which order and under which status:
-- customer_id, account_id, location_id, invited_at, standing, search.
select customer_id, account_id, location_id, invited_at, standing, search
from out_customers
