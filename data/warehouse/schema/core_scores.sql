-- The first score of each invitation; key invitation_id.
create table if not exists core_scores (
    invitation_id bigint,
    request_id bigint,
    score bigint,
    comment varchar,
    scored_at timestamptz,
    changed_at timestamptz
)
