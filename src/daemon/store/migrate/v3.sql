-- From schema version 2 to 3: jobs are made some time after their delivery has come. This text is history.
insert into meta values ('unfolded_to', (select coalesce(max(id), 0) from delivery));
