-- Whose an address is; key (account_id, kind, address). A suppression of one address holds for its owner's others.
create table if not exists core_person_addresses (
    account_id bigint,
    kind varchar,
    address varchar,
    person_id bigint
)
