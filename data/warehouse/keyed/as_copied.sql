-- Nothing returned. The relation {relation}, as the copy has it.
create temp view {relation} as select * from out_{relation}
