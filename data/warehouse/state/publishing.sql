-- One row: whether the tables were ever loaded, whether they are as they were published, and in which copy.
select
    watermark is not null as is_loaded,
    version is not distinct from published_version as is_same,
    published_file as file_name
from warehouse_state
