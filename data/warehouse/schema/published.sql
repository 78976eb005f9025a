-- One row: when this copy was published, and the ledger time up to which it is complete. Empty before the first
-- publish.
create table if not exists published (
    published_at timestamptz,
    watermark timestamptz
)
