-- Scores by account, location and the location's day: promoters gave 9 or 10, passives 7 or 8, detractors 0 to 6. Who was
-- asked for stars gave no score.
select
    i.account_id,
    i.location_id,
    cast(timezone(l.time_zone, s.scored_at) as date) as scored_date,
    count(*) filter (where s.score >= 9) as promoters,
    count(*) filter (where s.score between 7 and 8) as passives,
    count(*) filter (where s.score <= 6) as detractors
from core_scores s
join core_invitations i using (invitation_id)
join core_locations l on l.location_id = i.location_id
where s.score is not null
group by i.account_id, i.location_id, scored_date
order by i.account_id, i.location_id, scored_date
