-- Customers page, filters: what there is to choose from, the most frequent first, at most $limit of a kind:
-- kind ('source', 'list_name', 'employee', 'service'), value. Each kind is counted by itself: unpivoting all of them at
-- once took twice as long (half a million customers).
with mine as (
    select source, list_name, employee, service
    from customers
    where account_id = $account and list_contains($places, location_id)
),

counted as (
    select 'source' as kind, source as value, count(*) as customers from mine group by all
    union all
    select 'list_name', list_name, count(*) from mine group by all
    union all
    select 'employee', employee, count(*) from mine group by all
    union all
    select 'service', service, count(*) from mine group by all
)

select kind, value
from counted
where value is not null
qualify row_number() over (partition by kind order by customers desc, value) <= $limit
order by kind, customers desc, value
