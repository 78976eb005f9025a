-- Locations, with the time zone in which their days are counted; key location_id.
create table if not exists core_locations (
    location_id bigint,
    account_id bigint,
    slug varchar,
    name varchar,
    time_zone varchar,
    region varchar,
    color varchar,
    created_at timestamptz,
    changed_at timestamptz
)
