/* Scripts. Built on the main thread. */
#include "redis/script.h"

#include "redis/resp.h"

static sluice_str script_prefix(struct arena *a, sluice_str command, sluice_str what)
{
	char *room = arena_alloc(a, resp_bulk_room(command) + resp_bulk_room(what) + resp_bulk_room(STR("1")));
	check(room, "a script's arena has a budget: %zu bytes", a->budget);
	char *at = resp_bulk(room, command);
	at = resp_bulk(at, what);
	at = resp_bulk(at, STR("1"));
	return str_n(room, (size_t)(at - room));
}

struct sluice_script *script_new(struct arena *a, sluice_str source)
{
	if (source.len == 0 || source.len > SCRIPT_SOURCE_MAX)
		return NULL;
	struct sluice_script *s = arena_new(a, struct sluice_script);
	check(s, "a script's arena has a budget: %zu bytes", a->budget);
	s->source = source;
	sha1_hex(source, s->sha1);
	s->evalsha = script_prefix(a, STR("EVALSHA"), str_n(s->sha1, SHA1_HEX));
	s->eval = script_prefix(a, STR("EVAL"), source);
	return s;
}
