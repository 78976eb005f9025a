-- Runs page: how many runs of each kind the period holds: kind, runs. The pager's total is taken from here too.
select kind, count(*) as runs
from runs
where ($since is null or started_at >= $since) and ($ends is null or started_at < $ends)
group by kind
order by kind
