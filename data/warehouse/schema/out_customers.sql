-- Customers page: one row per customer with the latest invitation, newest score and newest linked review. `stars` are
-- the review's, `stars_given` those of a page that asks for stars first. Names and addresses are not compressed: a page
-- takes 25 rows from all over the table, and each would cost the decoding of a whole block.
create table if not exists out_customers (
    customer_id bigint,
    person_id bigint,
    account_id bigint,
    location_id bigint,
    location_name varchar,
    location_time_zone varchar,
    first_name varchar using compression uncompressed,
    last_name varchar using compression uncompressed,
    email varchar using compression uncompressed,
    phone varchar using compression uncompressed,
    employee varchar,
    service varchar,
    source varchar,
    list_name varchar,
    search varchar,
    invitation_id bigint,
    invitation_status varchar,
    standing varchar,
    invited_at timestamptz,
    started_at timestamptz,
    is_suppressed boolean,
    score bigint,
    scored_at timestamptz,
    stars_given bigint,
    stars bigint,
    review_platform varchar,
    review_id bigint,
    request_count bigint,
    follow_up_count bigint
)
