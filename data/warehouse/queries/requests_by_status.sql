-- Requests page: how many messages of each status the other filters leave: screen_status, messages.
-- The pager's total is the sum over the chosen statuses, so one scan answers both.
select screen_status, count(*) as messages
from requests -- left in
group by screen_status
order by screen_status
