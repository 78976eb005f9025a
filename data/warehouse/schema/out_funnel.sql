-- Invitations by the day their first message left (the location's day) and how far they came.
create table if not exists out_funnel (
    account_id bigint,
    location_id bigint,
    first_handed_date date,
    planned bigint,
    sent bigint,
    delivered bigint,
    opened bigint,
    clicked bigint,
    scored bigint,
    platform_chosen bigint,
    reviewed bigint
)
