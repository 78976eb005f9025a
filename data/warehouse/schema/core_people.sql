-- The humans behind customers; key person_id.
create table if not exists core_people (
    person_id bigint,
    account_id bigint,
    created_at timestamptz
)
