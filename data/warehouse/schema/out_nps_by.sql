-- Scores by the location's day, told apart by location, employee, service, template, channel and list (`dimension`), each
-- by its members ('' where nobody knows which): promoters 9-10, passives 7-8, detractors 0-6.
create table if not exists out_nps_by (
    account_id bigint,
    location_id bigint,
    scored_date date,
    dimension varchar,
    member varchar,
    promoters bigint,
    passives bigint,
    detractors bigint
)
