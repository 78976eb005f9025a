-- Where a location's reviews go; key platform_id. Timeline rows name the platform chosen.
create table if not exists core_platforms (
    platform_id bigint,
    location_id bigint,
    slug varchar,
    name varchar,
    url varchar,
    position bigint,
    is_visible boolean,
    changed_at timestamptz
)
