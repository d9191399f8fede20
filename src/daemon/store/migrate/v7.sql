-- From schema version 6 to 7: a verdict is found by whatever its scanners looked at. This text is history.
create table looked_at (
    digest        text    not null,
    verdict       integer not null,
    primary key (digest, verdict)
) without rowid;
create trigger verdict_added after insert on verdict begin
    insert or ignore into looked_at
    select vote.value ->> 'artifact', new.id from json_each(new.votes) as vote where vote.value ->> 'artifact' is not null
    union all
    select vote.value ->> 'image', new.id from json_each(new.votes) as vote where vote.value ->> 'image' is not null;
end;
create trigger verdict_completed after update of votes on verdict begin
    insert or ignore into looked_at
    select vote.value ->> 'artifact', new.id from json_each(new.votes) as vote where vote.value ->> 'artifact' is not null
    union all
    select vote.value ->> 'image', new.id from json_each(new.votes) as vote where vote.value ->> 'image' is not null;
end;
create trigger verdict_forgotten after delete on verdict begin
    delete from looked_at where verdict = old.id and digest in (
        select vote.value ->> 'artifact' from json_each(old.votes) as vote
        union all select vote.value ->> 'image' from json_each(old.votes) as vote);
end;
update verdict set votes = votes;
drop index verdict_artifact;
drop index verdict_image;
alter table verdict drop column artifact;
alter table verdict drop column image;
