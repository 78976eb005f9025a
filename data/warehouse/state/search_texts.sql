-- What the customers of a copy are found by: customer_id, search.
select customer_id, search from out_customers
