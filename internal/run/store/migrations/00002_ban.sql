-- Who is kept out, and who was: a row a network, as JSON. It is written with the group that its reason is in.
create table ban (prefix text primary key, body text not null);
