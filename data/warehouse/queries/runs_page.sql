-- Runs page: what the system did, newest first: run_id, kind, status, started_at, ended_at (database's clock),
-- policy_now, done, total, counts (JSON text), problem. Runs work for the whole installation, so no location is bound;
-- who may see them is the page's right.
select run_id, kind, status, started_at, ended_at, policy_now, done, total, counts, problem
from runs
where ($kind is null or kind = $kind)
    and ($since is null or started_at >= $since)
    and ($ends is null or started_at < $ends)
order by started_at desc, run_id desc
limit $limit offset $offset
