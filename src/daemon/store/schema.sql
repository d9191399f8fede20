-- Schema version 7. Times are milliseconds since 1970, of job time.

-- store_id: whose runs these are. unfolded_to: the last delivery whose jobs are made.
create table meta (
    key   text primary key,
    value text not null
) without rowid;

-- What was answered 2xx.
create table delivery (
    id            integer primary key,          -- the newest is never removed, so that none comes twice
    registry      text    not null,
    key           blob    not null,             -- 16 bytes: what makes two deliveries the same one
    change_key    text,                         -- what a webhook and a catch-up agree on
    received_at   integer not null,
    verified_by   text    not null,
    peer          text,
    headers       text    not null,             -- the few that are kept, JSON
    body          blob    not null,
    event         text    not null,             -- JSON, without the raw payload
    subject       text    not null,
    kind          text    not null,
    conflict      integer not null default 0,   -- another body came under the same key
    plan          text,                         -- what its route asked for, JSON; null: no route
    round         integer not null default 1,   -- the last one opened
    fresh_round   integer not null default 1,   -- run ids and checkpoints of earlier rounds are not taken up again
    state         text    not null,             -- open, done, ignored, dead
    reason        text,
    ended_at      integer,
    image         text                          -- digest of the container image that its tag was found to be, in hex
);
create index delivery_open on delivery (id) where ended_at is null;
create index delivery_dead on delivery (id) where state = 'dead';
create index delivery_ended on delivery (ended_at) where ended_at is not null;

create table job (
    id            integer primary key,          -- the newest is never removed, so that no run id comes twice
    delivery      integer not null references delivery (id),
    round         integer not null,
    phase         text    not null,             -- ask, confirm, run, progress, report
    name          text    not null,             -- the plugin or the registry
    queue         text    not null,
    lane          text,
    state         text    not null,             -- due, waiting, held, done, dead, superseded, skipped
    due_at        integer not null,             -- of a claimed job: when its lease ends
    claimed_at    integer,                      -- not null: somebody is at it
    token         integer not null default 0,
    attempts      integer not null default 0,
    deferrals     integer not null default 0,
    created_at    integer not null,
    ended_at      integer,
    run_id        text,                         -- of a run; null in what came before version 3: store id and job id
    checkpoint    text,
    tell          text,                         -- what progress and reports tell, JSON
    outcome       text,                         -- how it ended, JSON
    unique (delivery, round, phase, name)
);
create index job_due on job (queue, due_at, id) where state = 'due';
create index job_dead on job (ended_at) where state = 'dead';
create index job_lane on job (lane, delivery, id) where lane is not null and ended_at is null;
create index job_claimed on job (id) where claimed_at is not null;

-- One row for each attempt that ended, with the run's log.
create table attempt (
    job           integer not null references job (id),
    token         integer not null,
    claimed_at    integer not null,
    ended_at      integer not null,
    result        text    not null,
    log           blob,
    primary key (job, token)
) without rowid;

-- Keys outlive their deliveries. Rows are only ever appended and removed from the front; an index over keys, which are
-- random, would make each insert dearer the more there are. It is kept in memory instead, and made anew at start.
create table dedupe (
    id            integer primary key,
    registry      text    not null,
    key           blob    not null,
    body          blob    not null,             -- 16 bytes of the body's SHA-256
    delivery      integer not null,
    forget_at     integer not null,
    previous      integer                       -- an earlier row that may have the same key
);

create table verdict (
    id            integer primary key autoincrement,
    delivery      integer not null,
    round         integer not null,
    registry      text    not null,
    subject       text    not null,
    verdict       text    not null,
    votes         text    not null,             -- JSON
    policy        text    not null,
    configuration text    not null,             -- digest of the configuration
    settled_at    integer not null,
    unique (delivery, round)
);
create index verdict_subject on verdict (subject, id);

-- What the scanners of a verdict looked at, whatever they said. It follows from the votes.
create table looked_at (
    digest        text    not null,             -- of files or of an image, in hex
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

-- Findings that somebody has answered for. None is ever removed: verdicts name them.
create table waiver (
    id            integer primary key autoincrement,
    digest        text    not null,             -- of which files or image, in hex
    finding       text    not null,
    until         integer not null,
    reason        text    not null,
    uid           integer,
    made_at       integer not null,
    revoked_at    integer
);
create index waiver_digest on waiver (digest);

-- The ledger: what we wrote into registries, so that its echo is known; of each key, the last. Where a registry tells nobody
-- of our changes, the requests that it took.
create table written (
    id            integer primary key autoincrement,
    registry      text    not null,
    subject       text    not null,
    key           text    not null,
    value         text    not null,
    job           integer not null,
    written_at    integer not null
);
create index written_subject on written (registry, subject, key);

-- What each thing of a registry stands at, as far as we have heard: what a webhook and a catch-up claim.
create table claimed (
    registry      text    not null,
    aspect        text    not null,             -- what changed of which subject: the part of a change_key before its =
    value         text    not null,             -- what it is now; nothing: it was removed
    delivery      integer,                      -- which brought it; null: it stood so when it was first seen
    occurred_at   integer,                      -- by the registry's own clock
    seen_at       integer not null,
    found         integer not null,             -- 1: by the catch-up, not by a webhook
    primary key (registry, aspect)
) without rowid;

-- The last look of the catch-up at each registry.
create table survey (
    registry      text    primary key,
    first_at      integer,                      -- the first one that came to its end; null: none has
    begun_at      integer not null,
    ended_at      integer,
    seen          integer not null,             -- changes that it told of
    made          integer not null,             -- deliveries that were missing
    failure       text                          -- why the last one did not come to its end
) without rowid;

-- Open deliveries by registry, so that the bound is checked without counting.
create table pending (
    registry      text    primary key,
    open          integer not null
) without rowid;

-- Who changed what by hand.
create table audit (
    id            integer primary key autoincrement,
    at            integer not null,
    uid           integer,
    act           text    not null,
    subject       text    not null,
    reason        text
);

-- Queues that a person has stopped; '*' is all of them.
create table paused (
    queue         text    primary key,
    since         integer not null,
    uid           integer,
    reason        text
) without rowid;
