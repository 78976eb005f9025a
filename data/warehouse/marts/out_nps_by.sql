-- Scores by account, location, the location's day and each dimension by which they are told apart; member is '' where
-- nobody knows it. Who was asked for stars gave no score.
with told_apart as (
    select
        *,
        unnest(['location', 'employee', 'service', 'template', 'channel', 'list']) as dimension,
        unnest([location_name, employee, service, template_slug, channel, list_name]) as member_or_none
    from out_invitations
    where score is not null
)
select
    account_id,
    location_id,
    scored_date,
    dimension,
    coalesce(member_or_none, '') as member,
    count(*) filter (where score >= 9) as promoters,
    count(*) filter (where score between 7 and 8) as passives,
    count(*) filter (where score <= 6) as detractors
from told_apart
group by all
order by account_id, dimension, member, location_id, scored_date
