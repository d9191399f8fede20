-- From schema version 3 to 4: what each thing of a registry stands at, and what the catch-up has seen. This text is history.
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

create table survey (
    registry      text    primary key,
    first_at      integer,                      -- the first one that came to its end; null: none has
    begun_at      integer not null,
    ended_at      integer,
    seen          integer not null,             -- changes that it told of
    made          integer not null,             -- deliveries that were missing
    failure       text                          -- why the last one did not come to its end
) without rowid;
