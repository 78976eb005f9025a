-- Nothing returned. Remembers which version of the tables goes into which copy, so that an unchanged warehouse is not
-- copied again. $1: the copy's file name.
update warehouse_state set published_version = version, published_file = $1
