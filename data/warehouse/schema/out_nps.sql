-- Answers by the location's day: promoters 9-10, passives 7-8, detractors 0-6. Stars (1 to 5) are no NPS and stand apart.
create table if not exists out_nps (
    account_id bigint,
    location_id bigint,
    scored_date date,
    promoters bigint,
    passives bigint,
    detractors bigint,
    one_star bigint,
    two_stars bigint,
    three_stars bigint,
    four_stars bigint,
    five_stars bigint
)
