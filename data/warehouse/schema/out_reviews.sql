-- Reviews, with the customer who wrote them where that is known.
create table if not exists out_reviews (
    review_id bigint,
    customer_id bigint,
    invitation_id bigint,
    account_id bigint,
    location_id bigint,
    reviewer_name varchar,
    platform varchar,
    stars bigint,
    body varchar,
    sentiment varchar,
    reply varchar,
    reviewed_at timestamptz
)
