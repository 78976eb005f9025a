-- Scores by the location's day: promoters 9-10, passives 7-8, detractors 0-6.
create table if not exists out_nps (
    account_id bigint,
    location_id bigint,
    scored_date date,
    promoters bigint,
    passives bigint,
    detractors bigint
)
