-- One row for the writer: how far the ledger was read, how often the tables changed, and what was published last.
create table if not exists warehouse_state (
    watermark timestamptz,
    version bigint,
    published_version bigint,
    published_file varchar
)
