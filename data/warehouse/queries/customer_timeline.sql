-- Customer panel, history: what happened to a customer, in no order: occurred_at, kind, channel, evidence, score, stars,
-- platform_name, detail, event_id. Sorting a few rows and telling their days costs a statement as much as reading them:
-- data.warehouse.customers does both.
select occurred_at, kind, channel, evidence, score, stars, platform_name, detail, event_id
from timeline
where customer_id = $customer and account_id = $account and list_contains($places, location_id)
