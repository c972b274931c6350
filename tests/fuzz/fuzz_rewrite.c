/*
 * What the plugin rewrite reads of clients and upstreams. The lines of an input are: a path; a
 * value of a field that becomes a part of the path; X-Forwarded-Prefix; Location; Set-Cookie.
 *
 * What must hold: the plugin and the gateway agree on which paths are normal; no value leads out of
 * the place that the configuration names; and no Location comes to lead to another host.
 */
#include <stdlib.h>

#include "http/uri.h"
#include "kit.h"
#include "kit_tool.h"
#include "path.h"

extern const sluice_plugin sluice_plugin_record;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* The next line, as text that a field can have. Freed by the caller. */
static char *line(sluice_str *rest)
{
	sluice_str s = sluice_str_cut(rest, '\n');
	char *text = malloc(s.len + 1);
	must(text);
	for (size_t i = 0; i < s.len; i++)
		text[i] = (char)(s.data[i] >= ' ' && s.data[i] != 0x7f ? s.data[i] : '_');
	text[s.len] = 0;
	return text;
}

static void judge_path(sluice_str raw)
{
	struct arena a;
	sluice_str normal;
	arena_init(&a, 1 << 20);
	bool is_normal = uri_normalise_path(raw, &a, &normal) == 0 && str_eq(raw, normal);
	must(is_normal == path_is_normal(raw));
	arena_fini(&a);
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool names_a_host(const char *reference)
{
	return reference[0] == '/' && (reference[1] == '/' || reference[1] == '\\');
}

static void judge_request(sluice_exchange *x)
{
	sluice_str path = sluice_str_of(kit_target(x));
	must(begins(path.data, "/in/") && path_is_normal(path));
	const char *told = kit_header(x, SLUICE_REQUEST, "X-Forwarded-Prefix");
	must(told && path_is_normal(sluice_str_of(told)));
	must(strlen(told) >= 4 && strcmp(told + strlen(told) - 4, "/api") == 0);
}

static void judge_response(sluice_exchange *x, const char *location)
{
	const char *mapped = kit_header(x, SLUICE_RESPONSE, "Location");
	must(mapped);
	if (strcmp(mapped, location) != 0)
		must(!names_a_host(mapped) || names_a_host(location));
	must(kit_header_count(x, SLUICE_RESPONSE, "Set-Cookie") == 1);
}

/* A path goes through an expression, whose group becomes a part of the path and a parameter. */
static void judge_groups(sluice_str path)
{
	char target[4096];
	if (!path_is_normal(path) || path.len + sizeof("/r") > sizeof(target))
		return;
	*sluice_str_put(sluice_str_put(target, SLUICE_STR("/r")), path) = 0;
	kit_reset();
	sluice_instance *i = kit_instance(&sluice_plugin_record, "regex",
		"[{match: '/r(/.*)2(.*)', replace: '/x/.$1/$2?id=$2?'}, {match: '/r(/.*)', "
		"replace: "
		"'/x$1?id=$1'}]",
		NULL);
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", target, NULL);
	must(kit_verdict(x) == SLUICE_NEXT || kit_verdict(x) == SLUICE_REPLY);
	if (kit_verdict(x) == SLUICE_NEXT) {
		sluice_str query = sluice_str_of(kit_target(x)), got = sluice_str_cut(&query, '?');
		must(path_is_normal(got) && sluice_str_starts(got, SLUICE_STR("/x/")));
		must(sluice_str_starts(query, SLUICE_STR("id=")) && uri_is_query(query));
		must(!memchr(query.data, '&', query.len));
	}
	kit_end(x);
	kit_stop(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sluice_str rest = size ? sluice_str_n((const char *)data, size) : SLUICE_STR("");
	sluice_str copy = rest;
	sluice_str path = sluice_str_cut(&rest, '\n');
	judge_path(path);
	judge_path(copy);
	judge_groups(path);
	char *part = line(&rest), *prefix = line(&rest), *location = line(&rest),
	     *cookie = line(&rest);

	kit_reset();
	sluice_instance *i = kit_instance(&sluice_plugin_record, "strip_prefix", "/api",
		"add_prefix", "/in/{header:X-Part}", "host", "app.internal", "responses", "rewrite",
		NULL);
	kit_start(i);
	sluice_exchange *x =
		kit_request(i, "GET", "/api/a", "X-Part", part, "X-Forwarded-Prefix", prefix, NULL);
	must(kit_verdict(x) == SLUICE_NEXT || kit_verdict(x) == SLUICE_REPLY);
	if (kit_verdict(x) == SLUICE_NEXT) {
		judge_request(x);
		kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, 302);
		kit_add_header(x, SLUICE_RESPONSE, "Location", location);
		kit_add_header(x, SLUICE_RESPONSE, "Set-Cookie", cookie);
		must(kit_response(x, 302) == SLUICE_NEXT);
		judge_response(x, location);
	}
	kit_end(x);
	kit_stop(i);
	free(part);
	free(prefix);
	free(location);
	free(cookie);
	return 0;
}
