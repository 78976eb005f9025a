-- One row for the writer: how far the ledger was read, how often the tables changed, what was published last, and the
-- hash of the statements that made the tables.
create table if not exists warehouse_state (
    watermark timestamptz,
    version bigint,
    published_version bigint,
    published_file varchar,
    made_by varchar
)
