-- From schema version 1 to 2. This text is history: it stays as it is when the schema changes again.

create table new_delivery (
    id            integer primary key,
    registry      text    not null,
    key           blob    not null,
    change_key    text,
    received_at   integer not null,
    verified_by   text    not null,
    peer          text,
    headers       text    not null,
    body          blob    not null,
    event         text    not null,
    subject       text    not null,
    kind          text    not null,
    conflict      integer not null default 0,
    plan          text,
    round         integer not null default 1,
    fresh_round   integer not null default 1,
    state         text    not null,
    reason        text,
    ended_at      integer
);
insert into new_delivery select * from delivery;

create table new_job (
    id            integer primary key,
    delivery      integer not null references delivery (id),
    round         integer not null,
    phase         text    not null,
    name          text    not null,
    queue         text    not null,
    lane          text,
    state         text    not null,
    due_at        integer not null,
    claimed_at    integer,
    token         integer not null default 0,
    attempts      integer not null default 0,
    deferrals     integer not null default 0,
    created_at    integer not null,
    ended_at      integer,
    run_id        text,
    checkpoint    text,
    tell          text,
    outcome       text,
    unique (delivery, round, phase, name)
);
insert into new_job select * from job;

-- Ids were counted beside the tables, now the newest row keeps the count. Where retention has removed the newest rows,
-- one that has ended stands for them, so that no id comes twice.
create temp table counted as
select coalesce((select seq from sqlite_sequence where name = 'delivery'), 0) as deliveries,
       coalesce((select seq from sqlite_sequence where name = 'job'), 0) as jobs,
       coalesce((select max(id) from delivery), 0) as last_delivery,
       coalesce((select max(id) from job), 0) as last_job,
       cast(strftime('%s', 'now') as integer) * 1000 as now;
insert into new_delivery (id, registry, key, received_at, verified_by, headers, body, event, subject, kind, state, reason, ended_at)
select max(deliveries, last_delivery + 1), '', x'', now, '', '[]', x'',
       '{"kind":"other(removed)","registry":"","model":{},"version":{},"change":{},"build":{}}', '', 'other(removed)',
       'ignored', 'stands for deliveries that retention has removed, so that no id comes twice', now
  from counted where deliveries > last_delivery or jobs > last_job;
insert into new_job (id, delivery, round, phase, name, queue, state, due_at, created_at, ended_at)
select jobs, (select max(id) from new_delivery), 1, 'progress', '', '', 'superseded', now, now, now
  from counted where jobs > last_job;
drop table counted;

-- In the order in which they came, each with the one before it that has the same key.
create table new_dedupe (
    id            integer primary key,
    registry      text    not null,
    key           blob    not null,
    body          blob    not null,
    delivery      integer not null,
    forget_at     integer not null,
    previous      integer
);
insert into new_dedupe (id, registry, key, body, delivery, forget_at, previous)
select id, registry, key, body, delivery, forget_at, lag(id) over (partition by registry, key order by id)
  from (select row_number() over (order by delivery, forget_at) as id, * from dedupe) order by id;

drop table dedupe;
drop table job;
drop table delivery;
alter table new_dedupe rename to dedupe;
alter table new_delivery rename to delivery;
alter table new_job rename to job;

create index delivery_open on delivery (id) where ended_at is null;
create index delivery_dead on delivery (id) where state = 'dead';
create index delivery_ended on delivery (ended_at) where ended_at is not null;
create index job_due on job (queue, due_at, id) where state = 'due';
create index job_dead on job (ended_at) where state = 'dead';
create index job_lane on job (lane, delivery, id) where lane is not null and ended_at is null;
create index job_claimed on job (id) where claimed_at is not null;
