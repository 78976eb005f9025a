-- Customers page: how many customers stand where, by the status of their latest invitation ('not_invited' while no
-- message of it has left): standing, customers. The pager's total is taken from here too.
select standing, count(*) as customers
from customers -- left in
group by standing
order by standing
