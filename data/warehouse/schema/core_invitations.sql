-- Runs of the sequence; key invitation_id.
create table if not exists core_invitations (
    invitation_id bigint,
    account_id bigint,
    location_id bigint,
    customer_id bigint,
    person_id bigint,
    list_id bigint,
    sequence_id bigint,
    policy_id bigint,
    status varchar,
    sent_by varchar,
    started_at timestamptz,
    first_handed_at timestamptz,
    shift_minutes bigint,
    stopped_at timestamptz,
    stopped_by varchar,
    ended_at timestamptz,
    created_at timestamptz,
    changed_at timestamptz
)
