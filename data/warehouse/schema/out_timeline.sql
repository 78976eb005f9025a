-- A customer's history, stored sorted by customer_id, occurred_at: events, and `planned` and `handed_over` made of
-- requests.
create table if not exists out_timeline (
    event_id bigint,
    customer_id bigint,
    person_id bigint,
    invitation_id bigint,
    request_id bigint,
    account_id bigint,
    location_id bigint,
    kind varchar,
    occurred_at timestamptz,
    channel varchar,
    evidence varchar,
    score bigint,
    stars bigint,
    platform_name varchar,
    detail varchar
)
