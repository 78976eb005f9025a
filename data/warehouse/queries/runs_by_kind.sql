-- Runs page: how many runs of each kind the period holds: kind, runs. The pager's total is taken from here too.
select kind, count(*) as runs
from runs
where $since is null or started_at >= $since
group by kind
order by kind
