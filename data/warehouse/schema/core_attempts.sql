-- Tries to hand a request over, without contact data; key attempt_id.
create table if not exists core_attempts (
    attempt_id varchar,
    request_id bigint,
    batch_id bigint,
    provider varchar,
    claimed_at timestamptz,
    lease_until timestamptz,
    handed_at timestamptz,
    finished_at timestamptz,
    outcome varchar,
    provider_message_id varchar,
    code varchar,
    reason varchar,
    absent_reads bigint,
    first_absent_at timestamptz,
    last_absent_at timestamptz
)
