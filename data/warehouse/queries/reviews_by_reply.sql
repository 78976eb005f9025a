-- My Reviews, tabs: how many reviews stand where: state ('answered', 'drafted', 'open'), reviews. The pager's total is
-- taken from here too.
select state, count(*) as reviews
from reviews -- left in
group by state
order by state
