-- Sent invitations by the day their first message left and by how many days later a stage was first reached: what the
-- rates of a period were at its end, however long ago that is. `stage`: opened, clicked or scored.
create table if not exists out_reached (
    account_id bigint,
    location_id bigint,
    first_handed_date date,
    reached_date date,
    stage varchar,
    invitations bigint
)
