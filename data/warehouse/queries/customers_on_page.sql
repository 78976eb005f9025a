-- Customers page: who is on it, the latest invited first: customer_id. Of everybody only what the filters and the order
-- need is read; customers_shown.sql has the rows. The order is one of a fixed list (data.warehouse.customers);
-- customer_id makes it stable.
select customer_id
from customers -- left in
where $status is null or standing = $status
order by invited_at desc nulls last, customer_id desc -- order
limit $limit offset $offset
