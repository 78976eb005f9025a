-- Requests page: one row per request, with what the screen calls its status. former_address: where it goes or
-- went, in lower case and numbers in digits, if the customer has another address by now: it is found by that, too.
create table if not exists out_requests (
    request_id bigint,
    invitation_id bigint,
    customer_id bigint,
    person_id bigint,
    account_id bigint,
    location_id bigint,
    location_name varchar,
    location_time_zone varchar,
    name varchar using compression uncompressed,
    address varchar using compression uncompressed,
    channel varchar,
    step bigint,
    status varchar,
    screen_status varchar,
    note varchar,
    failure_reason varchar,
    sent_by varchar,
    list_id bigint,
    list_name varchar,
    handed_at timestamptz,
    not_before timestamptz,
    created_at timestamptz,
    retries bigint,
    template_slug varchar,
    former_address varchar
)
