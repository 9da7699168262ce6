-- The journal and the rows of a checkpoint. One text for every engine: see migrate in schema.go for the one word
-- that differs.

-- The journal is append-only; seq is the order in which State took the events, key their natural key.
-- body is the event as JSON; the columns before it repeat what journals are searched by.
create table journal (
	seq      bigint primary key,
	key      text   not null unique,
	at       bigint not null, -- Unix milliseconds
	kind     text   not null,
	account  text   not null, -- empty: about no account
	mail     text   not null, -- empty: about no mail
	incident bigint not null, -- 0: about no incident
	body     text   not null
);

-- Most events belong to no incident: the index costs nothing until one opens.
create index journal_incident on journal (incident) where incident <> 0;

-- One row: checkpoint is the seq of the last event that the rows below contain.
create table site (
	id         bigint primary key,
	checkpoint bigint not null,
	policy     text   not null, -- empty: the default policy
	body       text   not null
);
insert into site (id, checkpoint, policy, body) values (1, 0, '', '{}');

create table account  (name text   primary key, body text not null);
create table mail     (id   text   primary key, body text not null);
create table incident (id   bigint primary key, body text not null);
create table effect   (id   text   primary key, body text not null);

-- How far a log was read. body is the follower's own; at is the time of the last event before it.
create table cursor (
	name text   primary key,
	at   bigint not null,
	body text   not null
);
