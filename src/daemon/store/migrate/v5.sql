-- From schema version 4 to 5: what a version or a build of Verta's stands at is said without its time, as the registry says it
-- when it is asked. Registries that were only asked to post again have never been asked how things stand: their first look
-- is to come. This text is history.
update claimed set value = substr(value, 1, instr(value, '@') - 1)
 where (aspect glob 'version:*' or aspect glob 'build:*') and value glob '*@[0-9]*';
delete from survey where registry not in (select registry from claimed where aspect glob 'created:*' or aspect glob 'alias:*' or aspect glob 'tag:*');
