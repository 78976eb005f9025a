-- Named imports with their counts; key list_id.
create table if not exists core_lists (
    list_id bigint,
    account_id bigint,
    location_id bigint,
    name varchar,
    source varchar,
    channels varchar,
    speed varchar,
    imported_by varchar,
    row_count bigint,
    new_count bigint,
    known_count bigint,
    merged_count bigint,
    rejected_count bigint,
    paused_at timestamptz,
    created_at timestamptz,
    changed_at timestamptz
)
