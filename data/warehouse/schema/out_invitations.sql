-- One row per invitation: what it was, how far it came, on which day (the location's), and what was answered. Key
-- invitation_id. Figures are counted from it when a copy is made, and it tells who is behind them.
create table if not exists out_invitations (
    invitation_id bigint,
    account_id bigint,
    location_id bigint,
    customer_id bigint,
    location_name varchar,
    employee varchar,
    service varchar,
    template_slug varchar,
    channel varchar,
    list_name varchar,
    first_handed_date date,
    is_sent boolean,
    is_delivered boolean,
    opened_date date,
    clicked_date date,
    scored_date date,
    chosen_date date,
    reviewed_date date,
    is_reviewed boolean,
    score bigint,
    stars_given bigint,
    seconds_to_review bigint
)
