-- Public reviews, linked to the invitation they followed where that is known; key review_id.
create table if not exists core_reviews (
    review_id bigint,
    account_id bigint,
    location_id bigint,
    platform varchar,
    provider_review_id varchar,
    reviewer_name varchar,
    stars bigint,
    body varchar,
    sentiment varchar,
    reply varchar,
    reviewed_at timestamptz,
    invitation_id bigint,
    created_at timestamptz,
    changed_at timestamptz
)
