-- A list's page: one row: how many people of it were invited, are waiting with a message queued, opened, clicked, gave a
-- score, chose a platform or left a review, and the three bands of their NPS scores (stars are none). $list_id is the list:
-- two may have one name. What a machine opened or clicked does not count.
with of_list as (
    select
        invitation_id,
        bool_or(handed_at is not null) as is_invited,
        bool_or(screen_status = 'Delivered') as is_delivered,
        bool_or(screen_status = 'Failed') and not bool_or(screen_status in ('Sent', 'Delivered')) as is_failed,
        bool_or(screen_status = 'Queued') as is_waiting
    from requests
    where account_id = $account
        and list_contains($places, location_id)
        and list_id = $list_id
    group by invitation_id
),
seen as (
    select
        invitation_id,
        bool_or(kind in ('opened', 'read') and evidence is distinct from 'machine') as is_opened,
        bool_or(kind = 'clicked' and evidence is distinct from 'machine') as is_clicked,
        bool_or(kind = 'scored') as is_scored,
        bool_or(kind = 'platform_chosen' and evidence is distinct from 'machine') as is_chosen,
        bool_or(kind = 'review_linked') as is_reviewed,
        arg_max(score, occurred_at) filter (where kind = 'scored') as score
    from timeline
    where account_id = $account
        and list_contains($places, location_id)
        and invitation_id in (select invitation_id from of_list)
    group by invitation_id
)
select
    count(*) filter (where is_invited) as invited,
    count(*) filter (where is_waiting and not is_invited) as waiting,
    count(*) filter (where is_delivered) as delivered,
    count(*) filter (where is_failed) as failed,
    count(*) filter (where is_opened or is_clicked or is_scored or is_chosen) as opened,
    count(*) filter (where is_clicked or is_scored or is_chosen) as clicked,
    count(*) filter (where is_scored) as scored,
    count(*) filter (where is_chosen) as platform_chosen,
    count(*) filter (where is_reviewed) as reviewed,
    count(*) filter (where score >= 9) as promoters,
    count(*) filter (where score between 7 and 8) as passives,
    count(*) filter (where score <= 6) as detractors
from of_list
left join seen using (invitation_id)
