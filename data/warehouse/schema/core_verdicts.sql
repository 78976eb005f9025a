-- One row per candidate and planning pass: every rule that held it back and until when; key (pass_at, candidate).
-- verdict is JSON text.
create table if not exists core_verdicts (
    pass_at timestamptz,
    planned_date date,
    candidate varchar,
    verdict varchar
)
