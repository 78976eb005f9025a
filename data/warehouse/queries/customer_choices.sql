-- Customers page, filters: what there is to choose from, the most frequent first, at most $limit of a kind:
-- kind ('source', 'list_name', 'employee', 'service'), value.
with said as (
    from (
        select source, list_name, employee, service
        from customers
        where account_id = $account and list_contains($places, location_id)
    )
    unpivot (value for kind in (source, list_name, employee, service))
)

select kind, value
from said
group by kind, value
qualify row_number() over (partition by kind order by count(*) desc, value) <= $limit
order by kind, count(*) desc, value
