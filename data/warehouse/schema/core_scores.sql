-- The first answer of each invitation, a score or stars, never both; key invitation_id.
create table if not exists core_scores (
    invitation_id bigint,
    request_id bigint,
    score bigint,
    stars bigint,
    comment varchar,
    scored_at timestamptz,
    changed_at timestamptz
)
