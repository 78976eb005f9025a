-- People at locations; key customer_id.
create table if not exists core_customers (
    customer_id bigint,
    account_id bigint,
    location_id bigint,
    person_id bigint,
    first_name varchar,
    last_name varchar,
    email varchar,
    phone varchar,
    locale varchar,
    employee varchar,
    service varchar,
    source varchar,
    list_id bigint,
    channels varchar,
    created_at timestamptz,
    changed_at timestamptz
)
