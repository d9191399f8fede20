-- From schema version 5 to 6: what a verdict is about can be looked up, and findings can be waived. This text is history.
alter table delivery add column image text;
alter table verdict add column artifact text;
alter table verdict add column image text;
update verdict set artifact = (
    select min(vote.value ->> 'artifact') from json_each(verdict.votes) as vote
     where not (vote.value ->> 'advisory') and vote.value ->> 'verdict' <> 'error'
    having count(distinct vote.value ->> 'artifact') = 1);
create index verdict_subject on verdict (subject, id);
create index verdict_artifact on verdict (artifact, id) where artifact is not null;
create index verdict_image on verdict (image, id) where image is not null;
create table waiver (
    id            integer primary key autoincrement,
    digest        text    not null,
    finding       text    not null,
    until         integer not null,
    reason        text    not null,
    uid           integer,
    made_at       integer not null,
    revoked_at    integer
);
create index waiver_digest on waiver (digest);
