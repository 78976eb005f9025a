-- Template versions without their texts; key template_id. Requests show the slug.
create table if not exists core_templates (
    template_id bigint,
    account_id bigint,
    slug varchar,
    channel varchar,
    language varchar,
    version bigint,
    created_at timestamptz
)
