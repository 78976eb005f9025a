-- What happened, append-only as in the ledger; key event_id. detail is JSON text.
create table if not exists core_events (
    event_id bigint,
    account_id bigint,
    kind varchar,
    occurred_at timestamptz,
    recorded_at timestamptz,
    location_id bigint,
    person_id bigint,
    invitation_id bigint,
    request_id bigint,
    attempt_id varchar,
    channel varchar,
    evidence varchar,
    code varchar,
    score bigint,
    stars bigint,
    platform_id bigint,
    detail varchar,
    inbox_id bigint
)
