/* Prints answers of the admin address for people. */
#include "app/ctl.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Print a text from the socket without control bytes, which a terminal might obey. */
static void put_text(FILE *to, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		(void)fputc((c < 0x20 && c != '\n') || c == 0x7f ? '?' : c, to);
	}
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s ? s : "";
}

static unsigned long long number_of(const json_t *o, const char *name)
{
	return (unsigned long long)json_integer_value(json_object_get(o, name));
}

static json_t *ctl_parse(sluice_str body)
{
	json_error_t e;
	json_t *doc = json_loadb(body.data ? body.data : "", body.len, 0, &e);
	if (doc && !json_is_object(doc)) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

/* ---- status -------------------------------------------------------------------------------- */

static void put_duration(FILE *to, double seconds)
{
	unsigned long long s = seconds > 0 ? (unsigned long long)seconds : 0;
	if (s >= 86400)
		(void)fprintf(to, "%llu d %llu h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		(void)fprintf(to, "%llu h %llu min", s / 3600, s / 60 % 60);
	else if (s >= 60)
		(void)fprintf(to, "%llu min %llu s", s / 60, s % 60);
	else
		(void)fprintf(to, "%llu s", s);
}

static void put_count(FILE *to, unsigned long long n, const char *what)
{
	(void)fprintf(to, "%llu %s%s", n, what, n == 1 ? "" : "s");
}

static void put_config(FILE *to, const json_t *c)
{
	size_t i;
	json_t *l;
	(void)fprintf(to, "configuration %llu: ", number_of(c, "id"));
	put_text(to, text_of(c, "file"));
	(void)fputs(", loaded ", to);
	put_text(to, text_of(c, "loaded_at"));
	(void)fputs("\n  ", to);
	put_count(to, number_of(c, "routes"), "route");
	(void)fputs(", ", to);
	put_count(to, number_of(c, "upstreams"), "upstream");
	(void)fputs(", ", to);
	put_count(to, number_of(c, "plugins"), "plugin instance");
	(void)fputc('\n', to);
	json_array_foreach (json_object_get(c, "listeners"), i, l) {
		(void)fputs("  listener ", to);
		put_text(to, text_of(l, "name"));
		(void)fputs(" on ", to);
		put_text(to, text_of(l, "address"));
		(void)fputs(json_is_true(json_object_get(l, "tls")) ? " (TLS)\n" : "\n", to);
	}
}

/* Print resources that are above their mark. */
static void put_overload(FILE *to, const json_t *o)
{
	const char *name;
	json_t *r;
	if (!o || strcmp(text_of(o, "state"), "normal") == 0)
		return;
	(void)fputs("overloaded: ", to);
	put_text(to, text_of(o, "state"));
	(void)fputc('\n', to);
	json_object_foreach ((json_t *)(uintptr_t)o, name, r) {
		if (!json_is_true(json_object_get(r, "short")))
			continue;
		(void)fputs("  ", to);
		put_text(to, name);
		(void)fprintf(to, ": %llu of %llu in use, mark %llu\n", number_of(r, "used"),
			number_of(r, "limit"), number_of(r, "mark"));
	}
}

static void put_workers(FILE *to, const json_t *doc)
{
	size_t i;
	json_t *w;
	put_count(to, json_array_size(json_object_get(doc, "workers")), "worker");
	(void)fputs(", ", to);
	put_count(to, number_of(doc, "connections"), "connection");
	(void)fputs(", ", to);
	put_count(to, number_of(doc, "requests"), "request");
	(void)fputs(" under way\n", to);
	json_array_foreach (json_object_get(doc, "workers"), i, w) {
		(void)fprintf(to, "  worker %llu: ", number_of(w, "id"));
		if (json_is_true(json_object_get(w, "silent"))) {
			(void)fputs("does not answer\n", to);
			continue;
		}
		(void)fprintf(to, "configuration %llu, ", number_of(w, "config"));
		put_count(to, number_of(w, "connections"), "connection");
		(void)fputs(", ", to);
		put_count(to, number_of(w, "requests"), "request");
		(void)fputc('\n', to);
	}
}

/* What of the balance is not as usual. */
static void put_share(FILE *to, const json_t *s)
{
	const char *tier = text_of(s, "tier");
	unsigned long long weight = number_of(s, "weight");
	double share = json_number_value(json_object_get(s, "share"));
	if (!*tier)
		return; /* no configuration has it any more */
	if (strcmp(tier, "local") != 0)
		(void)fprintf(to, ", %s", tier);
	bool is_set = json_object_get(s, "set_weight");
	if (weight != 1 || is_set)
		(void)fprintf(to, ", weight %llu%s", weight, is_set ? " (set)" : "");
	if (weight && share < (double)weight)
		(void)fprintf(to, ", at %.0f %% of it", 100 * share / (double)weight);
	if (strcmp(text_of(s, "entry"), "panics") == 0)
		(void)fputs(", used whatever its health", to);
}

/* Why it is not up. */
static void put_reason(FILE *to, const json_t *s)
{
	if (*text_of(s, "reason")) {
		(void)fputs(" (", to);
		put_text(to, text_of(s, "reason"));
		(void)fputc(')', to);
	}
}

static void put_server(FILE *to, const json_t *s)
{
	double down = json_number_value(json_object_get(s, "down_for_s"));
	(void)fputs("  ", to);
	put_text(to, text_of(s, "address"));
	if (*text_of(s, "host")) {
		(void)fputs(" (", to);
		put_text(to, text_of(s, "host"));
		(void)fputc(')', to);
	}
	(void)fputs(": ", to);
	put_text(to, text_of(s, "state"));
	put_reason(to, s);
	if (down > 0) {
		(void)fputs(" for another ", to);
		put_duration(to, down + 1);
	}
	put_share(to, s);
	(void)fputs(", ", to);
	put_count(to, number_of(s, "requests"), "request");
	(void)fprintf(to, ", %llu failed, %llu under way, ", number_of(s, "failures"),
		number_of(s, "in_flight"));
	put_count(to, number_of(s, "connections"), "connection");
	(void)fprintf(to, " (%llu idle)\n", number_of(s, "idle"));
}

static void put_upstreams(FILE *to, const json_t *doc)
{
	size_t i, j;
	json_t *u, *s;
	json_array_foreach (json_object_get(doc, "upstreams"), i, u) {
		(void)fputs("upstream ", to);
		put_text(to, text_of(u, "name"));
		(void)fputs(json_array_size(json_object_get(u, "servers")) ? "\n" : ": no server\n",
			to);
		json_array_foreach (json_object_get(u, "servers"), j, s) {
			put_server(to, s);
		}
	}
}

bool ctl_print_servers(FILE *to, sluice_str body)
{
	json_t *doc = ctl_parse(body);
	bool ok = doc && json_object_get(doc, "version");
	if (ok)
		put_upstreams(to, doc);
	json_decref(doc);
	return ok;
}

bool ctl_print_status(FILE *to, sluice_str body)
{
	json_t *doc = ctl_parse(body);
	const json_t *config = json_object_get(doc, "config");
	if (!doc || !json_object_get(doc, "version")) {
		json_decref(doc);
		return false;
	}
	(void)fputs("sluice ", to);
	put_text(to, text_of(doc, "version"));
	(void)fprintf(to, ", pid %llu, ", number_of(doc, "pid"));
	put_text(to, text_of(doc, "state"));
	(void)fputs(", up ", to);
	put_duration(to, json_number_value(json_object_get(doc, "uptime_s")));
	(void)fputc('\n', to);
	if (json_is_object(config))
		put_config(to, config);
	if (number_of(doc, "snapshots") > 1)
		(void)fprintf(to, "  requests still use %llu earlier ones\n",
			number_of(doc, "snapshots") - 1);
	(void)fputs("  ", to);
	put_count(to, number_of(doc, "reloads"), "reload");
	(void)fprintf(to, ", %llu refused\n", number_of(doc, "reloads_failed"));
	put_overload(to, json_object_get(doc, "overload"));
	put_workers(to, doc);
	put_upstreams(to, doc);
	json_decref(doc);
	return true;
}

/* ---- the others ---------------------------------------------------------------------------- */

bool ctl_print_done(FILE *to, sluice_str body)
{
	json_t *doc = ctl_parse(body);
	const json_t *config = json_object_get(doc, "config");
	const char *state = text_of(doc, "state");
	bool ok = *state != 0;
	if (json_is_object(config)) {
		(void)fprintf(to, "configuration %llu ", number_of(config, "id"));
		if (number_of(doc, "silent_workers"))
			(void)fprintf(to,
				"is loaded, but %llu workers do not answer: see `sluice status`\n",
				number_of(doc, "silent_workers"));
		else
			(void)fputs("is in force\n", to);
	} else if (ok) {
		put_text(to, state);
		(void)fputc('\n', to);
	}
	json_decref(doc);
	return ok;
}

void ctl_print_problem(FILE *to, sluice_str body)
{
	json_t *doc = ctl_parse(body);
	const char *text = text_of(doc, "detail");
	if (!*text)
		text = text_of(doc, "title");
	put_text(to, *text ? text : "the gateway gave no reason");
	if (!*text || text[strlen(text) - 1] != '\n')
		(void)fputc('\n', to);
	json_decref(doc);
}
