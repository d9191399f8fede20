-- From schema version 6 to 7: a verdict is found by whatever its scanners looked at. This text is history.
create table looked_at (
    digest        text    not null,
    verdict       integer not null,
    primary key (digest, verdict)
) without rowid;
create view evidence as
    select verdict.id as verdict, vote.value ->> 'artifact' as digest from verdict, json_each(verdict.votes) as vote
     where vote.value ->> 'artifact' is not null
    union all
    select verdict.id, vote.value ->> 'image' from verdict, json_each(verdict.votes) as vote
     where vote.value ->> 'image' is not null;
create trigger verdict_added after insert on verdict begin
    insert or ignore into looked_at (digest, verdict) select digest, verdict from evidence where verdict = new.id;
end;
create trigger verdict_completed after update of votes on verdict begin
    insert or ignore into looked_at (digest, verdict) select digest, verdict from evidence where verdict = new.id;
end;
create trigger verdict_forgotten before delete on verdict begin
    delete from looked_at where (digest, verdict) in (select digest, verdict from evidence where verdict = old.id);
end;
update verdict set votes = votes;
drop index verdict_artifact;
drop index verdict_image;
alter table verdict drop column artifact;
alter table verdict drop column image;
