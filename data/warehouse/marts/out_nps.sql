-- Answers by account, location and the location's day: promoters gave 9 or 10, passives 7 or 8, detractors 0 to 6. Who was
-- asked for stars gave no score.
select
    account_id,
    location_id,
    scored_date,
    count(*) filter (where score >= 9) as promoters,
    count(*) filter (where score between 7 and 8) as passives,
    count(*) filter (where score <= 6) as detractors,
    count(*) filter (where stars_given = 1) as one_star,
    count(*) filter (where stars_given = 2) as two_stars,
    count(*) filter (where stars_given = 3) as three_stars,
    count(*) filter (where stars_given = 4) as four_stars,
    count(*) filter (where stars_given = 5) as five_stars
from out_invitations
where scored_date is not null
group by account_id, location_id, scored_date
order by account_id, location_id, scored_date
