-- A store of schema version 1, as a daemon of that version left it when it was killed: written out as SQL.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE attempt (
    job           integer not null references job (id),
    token         integer not null,
    claimed_at    integer not null,
    ended_at      integer not null,
    result        text    not null,
    log           blob,
    primary key (job, token)
) without rowid;
INSERT INTO "attempt" VALUES(1,1,1795646728413,1795646728450,'told',NULL);
INSERT INTO "attempt" VALUES(2,1,1795646728413,1795646728507,'result',X'');
INSERT INTO "attempt" VALUES(3,1,1795646728521,1795646728542,'told',NULL);
INSERT INTO "attempt" VALUES(4,1,1795646728743,1795646728771,'told',NULL);
INSERT INTO "attempt" VALUES(5,1,1795646728743,1795646728790,'dead: exited with 1 (attempt 1 of 1)',X'');
INSERT INTO "attempt" VALUES(6,1,1795646728799,1795646728811,'told',NULL);
INSERT INTO "attempt" VALUES(7,1,1795646728956,1795646728973,'told',NULL);
INSERT INTO "attempt" VALUES(8,1,1795646728956,1795646728984,'result',X'6C6F6F6B696E670A');
INSERT INTO "attempt" VALUES(9,1,1795646728987,1795646729006,'told',NULL);
INSERT INTO "attempt" VALUES(10,1,1795646729227,1795646729245,'told',NULL);
INSERT INTO "attempt" VALUES(11,1,1795646729227,1795646729262,'result',X'6C6F6F6B696E670A');
INSERT INTO "attempt" VALUES(12,1,1795646729273,1795646729318,'told',NULL);
INSERT INTO "attempt" VALUES(13,1,1795646729586,1795646729608,'told',NULL);
CREATE TABLE audit (
    id            integer primary key autoincrement,
    at            integer not null,
    uid           integer,
    act           text    not null,
    subject       text    not null,
    reason        text
);
INSERT INTO "audit" VALUES(1,1795646729908,0,'pause','*','before the upgrade');
CREATE TABLE dedupe (
    registry      text    not null,
    key           blob    not null,
    body          blob    not null,             -- 16 bytes of the body's SHA-256
    delivery      integer not null,
    forget_at     integer not null,
    primary key (registry, key, body)
) without rowid;
INSERT INTO "dedupe" VALUES('verta',X'58D826C17EB0044B8D7C3FFBA4831292',X'10CB3A21C098F3A1F9FED5A338E7D1A9',6,1830206730010);
INSERT INTO "dedupe" VALUES('verta',X'7CADB467F1901AE11060A95C0816D157',X'28478C34928A275AACD41A7740421533',7,1830206730134);
INSERT INTO "dedupe" VALUES('verta',X'C527C4F5476E88E52D31445553C00AE3',X'DAA3BF525D74B8C3BA0E1E51ED406CF4',1,1830206728403);
INSERT INTO "dedupe" VALUES('verta',X'E1F323596C385C1FA38CAACBE849C52D',X'66895436224E582455357993608A0F92',3,1830206728950);
INSERT INTO "dedupe" VALUES('verta',X'E1F323596C385C1FA38CAACBE849C52D',X'8FB78A99D3D230EF43353A7BED716D9B',4,1830206729215);
INSERT INTO "dedupe" VALUES('verta',X'E4CA0B62D664C3B614960AC402CC4A9F',X'36A1800E4554136AC75CA14D27E838D7',2,1830206728737);
INSERT INTO "dedupe" VALUES('verta',X'F5E34C2D8B9CB45CB98DBA3414E179AD',X'CDE79360BD0BF48D3955ECCA540D04C7',5,1830206729569);
CREATE TABLE delivery (
    id            integer primary key autoincrement,
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
    ended_at      integer
);
INSERT INTO "delivery" VALUES(1,'verta',X'C527C4F5476E88E52D31445553C00AE3',NULL,1795646728403,'github, secret 1','127.0.0.1','[["content-type","application/json"]]',X'7B226576656E745F74797065223A22524551554553545F5343414E222C226576656E745F75756964223A226F6E65222C226E65775F656E74697479223A7B227363616E5F72657175657374223A7B226275696C644964223A2235313530227D7D7D','{"kind":"scan_request","id":"one","registry":"verta","model":{},"version":{},"change":{},"build":{"id":"5150"}}','build:5150','scan_request',0,'{"route":1,"scanners":["scan"],"advisory":[],"policy":"all","error_is_unsafe":false,"actions":[],"report":true,"configuration":"8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6"}',1,1,'done',NULL,1795646728542);
INSERT INTO "delivery" VALUES(2,'verta',X'E4CA0B62D664C3B614960AC402CC4A9F',NULL,1795646728737,'github, secret 1','127.0.0.1','[["content-type","application/json"]]',X'7B226576656E745F74797065223A22524551554553545F5343414E222C226576656E745F75756964223A2274776F222C226E65775F656E74697479223A7B227363616E5F72657175657374223A7B226275696C644964223A2235313531227D7D7D','{"kind":"scan_request","id":"two","registry":"verta","model":{},"version":{},"change":{},"build":{"id":"5151"}}','build:5151','scan_request',0,'{"route":1,"scanners":["scan"],"advisory":[],"policy":"all","error_is_unsafe":false,"actions":[],"report":true,"configuration":"8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6"}',1,1,'dead','run scan: exited with 1 (attempt 1 of 1)',1795646728811);
INSERT INTO "delivery" VALUES(3,'verta',X'E1F323596C385C1FA38CAACBE849C52D',NULL,1795646728950,'github, secret 1','127.0.0.1','[["content-type","application/json"]]',X'7B226576656E745F74797065223A22524551554553545F5343414E222C226576656E745F75756964223A227468726565222C226E65775F656E74697479223A7B227363616E5F72657175657374223A7B226275696C644964223A2235313532227D7D7D','{"kind":"scan_request","id":"three","registry":"verta","model":{},"version":{},"change":{},"build":{"id":"5152"}}','build:5152','scan_request',0,'{"route":1,"scanners":["scan"],"advisory":[],"policy":"all","error_is_unsafe":false,"actions":[],"report":true,"configuration":"8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6"}',1,1,'done',NULL,1795646729006);
INSERT INTO "delivery" VALUES(4,'verta',X'E1F323596C385C1FA38CAACBE849C52D',NULL,1795646729215,'github, secret 1','127.0.0.1','[["content-type","application/json"]]',X'7B226576656E745F74797065223A22524551554553545F5343414E222C226576656E745F75756964223A227468726565222C226E65775F656E74697479223A7B227363616E5F72657175657374223A7B226275696C644964223A2235313533227D7D7D','{"kind":"scan_request","id":"three","registry":"verta","model":{},"version":{},"change":{},"build":{"id":"5153"}}','build:5153','scan_request',1,'{"route":1,"scanners":["scan"],"advisory":[],"policy":"all","error_is_unsafe":false,"actions":[],"report":true,"configuration":"8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6"}',1,1,'done',NULL,1795646729318);
INSERT INTO "delivery" VALUES(5,'verta',X'F5E34C2D8B9CB45CB98DBA3414E179AD',NULL,1795646729569,'github, secret 1','127.0.0.1','[["content-type","application/json"]]',X'7B226576656E745F74797065223A22524551554553545F5343414E222C226576656E745F75756964223A2266697665222C226E65775F656E74697479223A7B227363616E5F72657175657374223A7B226275696C644964223A2235313534227D7D7D','{"kind":"scan_request","id":"five","registry":"verta","model":{},"version":{},"change":{},"build":{"id":"5154"}}','build:5154','scan_request',0,'{"route":1,"scanners":["scan"],"advisory":[],"policy":"all","error_is_unsafe":false,"actions":[],"report":true,"configuration":"8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6"}',1,1,'open',NULL,NULL);
INSERT INTO "delivery" VALUES(6,'verta',X'58D826C17EB0044B8D7C3FFBA4831292',NULL,1795646730010,'github, secret 1','127.0.0.1','[["content-type","application/json"]]',X'7B226576656E745F74797065223A22524551554553545F5343414E222C226576656E745F75756964223A22736978222C226E65775F656E74697479223A7B227363616E5F72657175657374223A7B226275696C644964223A2235313535227D7D7D','{"kind":"scan_request","id":"six","registry":"verta","model":{},"version":{},"change":{},"build":{"id":"5155"}}','build:5155','scan_request',0,'{"route":1,"scanners":["scan"],"advisory":[],"policy":"all","error_is_unsafe":false,"actions":[],"report":true,"configuration":"8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6"}',1,1,'open',NULL,NULL);
INSERT INTO "delivery" VALUES(7,'verta',X'7CADB467F1901AE11060A95C0816D157',NULL,1795646730134,'github, secret 1','127.0.0.1','[["content-type","application/json"]]',X'7B226576656E745F74797065223A2250524F4D4F5445222C226576656E745F75756964223A22736576656E222C226E65775F656E74697479223A7B226D6F64656C5F76657273696F6E223A7B226964223A2233222C22726567697374657265645F6D6F64656C5F6964223A2232222C227374616765223A2250524F44554354494F4E227D7D7D','{"kind":"promotion","id":"seven","registry":"verta","model":{"id":"2"},"version":{"id":"3"},"change":{"stage_to":"production"},"build":{}}','version:2/3','promotion',0,'{"route":2,"scanners":[],"advisory":[],"policy":"all","error_is_unsafe":false,"actions":["act"],"report":true,"configuration":"8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6"}',1,1,'open',NULL,NULL);
CREATE TABLE job (
    id            integer primary key autoincrement,
    delivery      integer not null references delivery (id),
    round         integer not null,
    phase         text    not null,             -- confirm, run, progress, report
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
    run_id        text,                         -- of an earlier round; null: store id and job id
    checkpoint    text,
    tell          text,                         -- what progress and reports tell, JSON
    outcome       text,                         -- how it ended, JSON
    unique (delivery, round, phase, name)
);
INSERT INTO "job" VALUES(1,1,1,'progress','verta','registry:verta','report:verta:build:5150','done',1795646998413,NULL,1,1,0,1795646728403,1795646728450,NULL,NULL,'{"tell":"scanning"}','{"end":"told"}');
INSERT INTO "job" VALUES(2,1,1,'run','scan','plugin:scan',NULL,'done',1795647363413,NULL,1,1,0,1795646728403,1795646728507,NULL,NULL,NULL,'{"end":"concluded","conclusion":{"kind":"scan","verdict":"safe","url":"https://scans.example.com/1","more_findings":0}}');
INSERT INTO "job" VALUES(3,1,1,'report','verta','registry:verta','report:verta:build:5150','done',1795646998521,NULL,1,1,0,1795646728507,1795646728542,NULL,NULL,'{"tell":"scanned","verdict":"safe","summary":"scan: safe","url":"https://scans.example.com/1"}','{"end":"told"}');
INSERT INTO "job" VALUES(4,2,1,'progress','verta','registry:verta','report:verta:build:5151','done',1795646998743,NULL,1,1,0,1795646728737,1795646728771,NULL,NULL,'{"tell":"scanning"}','{"end":"told"}');
INSERT INTO "job" VALUES(5,2,1,'run','scan','plugin:scan',NULL,'dead',1795647363743,NULL,1,1,0,1795646728737,1795646728790,NULL,NULL,NULL,'{"end":"dead","reason":"exited with 1 (attempt 1 of 1)"}');
INSERT INTO "job" VALUES(6,2,1,'report','verta','registry:verta','report:verta:build:5151','done',1795646998799,NULL,1,1,0,1795646728790,1795646728811,NULL,NULL,'{"tell":"scanned","verdict":"error","summary":"scan: error","url":null}','{"end":"told"}');
INSERT INTO "job" VALUES(7,3,1,'progress','verta','registry:verta','report:verta:build:5152','done',1795646998956,NULL,1,1,0,1795646728950,1795646728973,NULL,NULL,'{"tell":"scanning"}','{"end":"told"}');
INSERT INTO "job" VALUES(8,3,1,'run','scan','plugin:scan',NULL,'done',1795647363956,NULL,1,1,0,1795646728950,1795646728984,NULL,NULL,NULL,'{"end":"concluded","conclusion":{"kind":"scan","verdict":"safe","url":"https://scans.example.com/1","more_findings":0}}');
INSERT INTO "job" VALUES(9,3,1,'report','verta','registry:verta','report:verta:build:5152','done',1795646998987,NULL,1,1,0,1795646728984,1795646729006,NULL,NULL,'{"tell":"scanned","verdict":"safe","summary":"scan: safe","url":"https://scans.example.com/1"}','{"end":"told"}');
INSERT INTO "job" VALUES(10,4,1,'progress','verta','registry:verta','report:verta:build:5153','done',1795646999227,NULL,1,1,0,1795646729215,1795646729245,NULL,NULL,'{"tell":"scanning"}','{"end":"told"}');
INSERT INTO "job" VALUES(11,4,1,'run','scan','plugin:scan',NULL,'done',1795647364227,NULL,1,1,0,1795646729215,1795646729262,NULL,NULL,NULL,'{"end":"concluded","conclusion":{"kind":"scan","verdict":"safe","url":"https://scans.example.com/1","more_findings":0}}');
INSERT INTO "job" VALUES(12,4,1,'report','verta','registry:verta','report:verta:build:5153','done',1795646999273,NULL,1,1,0,1795646729262,1795646729318,NULL,NULL,'{"tell":"scanned","verdict":"safe","summary":"scan: safe","url":"https://scans.example.com/1"}','{"end":"told"}');
INSERT INTO "job" VALUES(13,5,1,'progress','verta','registry:verta','report:verta:build:5154','done',1795646999586,NULL,1,1,0,1795646729569,1795646729608,NULL,NULL,'{"tell":"scanning"}','{"end":"told"}');
INSERT INTO "job" VALUES(14,5,1,'run','scan','plugin:scan',NULL,'due',1795647364586,1795646729586,1,1,0,1795646729569,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "job" VALUES(15,6,1,'progress','verta','registry:verta','report:verta:build:5155','due',1795646730010,NULL,0,0,0,1795646730010,NULL,NULL,NULL,'{"tell":"scanning"}',NULL);
INSERT INTO "job" VALUES(16,6,1,'run','scan','plugin:scan',NULL,'due',1795646730010,NULL,0,0,0,1795646730010,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "job" VALUES(17,7,1,'confirm','verta','registry:verta','action:verta:2','due',1795646730134,NULL,0,0,0,1795646730134,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE meta (
    key   text primary key,
    value text not null
) without rowid;
INSERT INTO "meta" VALUES('store_id','71afd88875cb6fa6');
CREATE TABLE paused (
    queue         text    primary key,
    since         integer not null,
    uid           integer,
    reason        text
) without rowid;
INSERT INTO "paused" VALUES('*',1795646729908,0,'before the upgrade');
CREATE TABLE pending (
    registry      text    primary key,
    open          integer not null
) without rowid;
INSERT INTO "pending" VALUES('verta',3);
CREATE TABLE verdict (
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
INSERT INTO "verdict" VALUES(1,1,1,'verta','build:5150','safe','[{"scanner":"scan","verdict":"safe","url":"https://scans.example.com/1","findings":0,"advisory":false}]','"all"','8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6',1795646728507);
INSERT INTO "verdict" VALUES(2,2,1,'verta','build:5151','error','[{"scanner":"scan","verdict":"error","summary":"exited with 1 (attempt 1 of 1)","findings":0,"advisory":false}]','"all"','8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6',1795646728790);
INSERT INTO "verdict" VALUES(3,3,1,'verta','build:5152','safe','[{"scanner":"scan","verdict":"safe","url":"https://scans.example.com/1","findings":0,"advisory":false}]','"all"','8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6',1795646728984);
INSERT INTO "verdict" VALUES(4,4,1,'verta','build:5153','safe','[{"scanner":"scan","verdict":"safe","url":"https://scans.example.com/1","findings":0,"advisory":false}]','"all"','8908e272ed687cc6bb3ca9f050ad7139166b7699de6f8c51291df0e15c48a6d6',1795646729262);
CREATE TABLE written (
    id            integer primary key autoincrement,
    registry      text    not null,
    subject       text    not null,
    key           text    not null,
    value         text    not null,
    job           integer not null,
    written_at    integer not null
);
INSERT INTO "written" VALUES(1,'verta','build:5150','PUT /api/v1/deployment/workspace/acme/builds/5150/scan','{"scan_status":"scanning"}',1,1795646728450);
INSERT INTO "written" VALUES(2,'verta','build:5150','PUT /api/v1/deployment/workspace/acme/builds/5150/scan','{"scan_external_results":{"safety_status":"safe","url":"https://scans.example.com/1"},"scan_status":"scanned"}',3,1795646728542);
INSERT INTO "written" VALUES(3,'verta','build:5151','PUT /api/v1/deployment/workspace/acme/builds/5151/scan','{"scan_status":"scanning"}',4,1795646728771);
INSERT INTO "written" VALUES(4,'verta','build:5151','PUT /api/v1/deployment/workspace/acme/builds/5151/scan','{"scan_status":"error"}',6,1795646728811);
INSERT INTO "written" VALUES(5,'verta','build:5152','PUT /api/v1/deployment/workspace/acme/builds/5152/scan','{"scan_status":"scanning"}',7,1795646728973);
INSERT INTO "written" VALUES(6,'verta','build:5152','PUT /api/v1/deployment/workspace/acme/builds/5152/scan','{"scan_external_results":{"safety_status":"safe","url":"https://scans.example.com/1"},"scan_status":"scanned"}',9,1795646729006);
INSERT INTO "written" VALUES(7,'verta','build:5153','PUT /api/v1/deployment/workspace/acme/builds/5153/scan','{"scan_status":"scanning"}',10,1795646729245);
INSERT INTO "written" VALUES(8,'verta','build:5153','PUT /api/v1/deployment/workspace/acme/builds/5153/scan','{"scan_external_results":{"safety_status":"safe","url":"https://scans.example.com/1"},"scan_status":"scanned"}',12,1795646729318);
INSERT INTO "written" VALUES(9,'verta','build:5154','PUT /api/v1/deployment/workspace/acme/builds/5154/scan','{"scan_status":"scanning"}',13,1795646729608);
CREATE INDEX delivery_change on delivery (registry, change_key) where change_key is not null;
CREATE INDEX delivery_state on delivery (state, id);
CREATE INDEX delivery_ended on delivery (ended_at) where ended_at is not null;
CREATE INDEX job_due on job (queue, due_at, id) where state = 'due';
CREATE INDEX job_dead on job (ended_at) where state = 'dead';
CREATE INDEX job_lane on job (lane, delivery, id) where lane is not null and state in ('due', 'waiting', 'held');
CREATE INDEX written_subject on written (registry, subject, key);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('delivery',7);
INSERT INTO "sqlite_sequence" VALUES('job',17);
INSERT INTO "sqlite_sequence" VALUES('written',9);
INSERT INTO "sqlite_sequence" VALUES('verdict',4);
INSERT INTO "sqlite_sequence" VALUES('audit',1);
COMMIT;
pragma application_id = 1935896178;
pragma user_version = 1;
