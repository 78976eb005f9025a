-- Customer panel, history: what happened, newest first, with the day it happened on in the location's own zone.
-- day, occurred_at, kind, channel, evidence, score, stars, platform_name, detail. At most $limit rows: a panel, not an
-- export. Of rows of one moment, what was planned came before what was done.
select
    cast(timezone($zone, occurred_at) as date) as day,
    occurred_at, kind, channel, evidence, score, stars, platform_name, detail
from timeline
where customer_id = $customer and account_id = $account and list_contains($places, location_id)
order by occurred_at desc, kind = 'planned', event_id desc nulls last, kind
limit $limit
