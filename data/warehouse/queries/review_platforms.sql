-- My Reviews, filter: the platforms that reviews of these locations are on, those with most of them first: platform.
select platform
from reviews
where account_id = $account and list_contains($places, location_id)
group by platform
order by count(*) desc, platform
