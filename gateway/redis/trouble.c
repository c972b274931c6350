/* Errors of Redis servers. See the header. */
#include "redis/trouble.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "redis/link_internal.h"

/* least time between two log lines, and the time without errors after which success is logged */
#define LOG_INTERVAL_NS NS_PER_S
enum { SAID_MAX = 128 }; /* bytes of the server's text */

static const struct {
	sluice_str code;
	const char *hint;
} hints[] = {
	{ STR("READONLY"), "it is a replica: another server is looked for" },
	{ STR("MASTERDOWN"), "it is a replica without a primary: another server is looked for" },
	{ STR("LOADING"), "it is still loading its data" },
	{ STR("MOVED"), "it is a node of a cluster: use redis+cluster://" },
	{ STR("ASK"), "it is a node of a cluster: use redis+cluster://" },
	{ STR("CROSSSLOT"), "it is a node of a cluster: use redis+cluster://" },
	{ STR("CLUSTERDOWN"), "the cluster lacks the node that has this slot" },
	{ STR("OOM"), "give it more memory, or set maxmemory-policy to volatile-ttl" },
	{ STR("NOPERM"), "the rights that a user needs are in docs/reference/stores.md" },
	{ STR("NOAUTH"), "set the store's `password`" },
	{ STR("WRONGPASS"), "see the store's `user` and `password`" },
	{ STR("MISCONF"), "it cannot write its data to disk" },
	{ STR("NOREPLICAS"), "it lacks replicas to write to" },
	{ STR("BUSY"), "a script runs there for too long" },
};

/* ---- reading ------------------------------------------------------------------------------- */

static sluice_str first_word(sluice_str s)
{
	size_t n = 0;
	while (n < s.len && n < TROUBLE_CODE - 1 && s.data[n] >= 'A' && s.data[n] <= 'Z')
		n++;
	return str_n(s.data, n);
}

/* The code of an error. Before Redis 7 a script's error contains that of the command that
 * failed. */
static sluice_str trouble_code(sluice_str error)
{
	const char *inner = error.len ? memmem(error.data, error.len, ": -", 3) : NULL;
	if (str_starts(error, STR("ERR ")) && inner) {
		sluice_str code = first_word(
			str_n(inner + 3, error.len - (size_t)(inner + 3 - error.data)));
		if (code.len)
			return code;
	}
	return first_word(error);
}

bool trouble_is_unfit(sluice_str error)
{
	sluice_str code = trouble_code(error);
	return str_eq(code, STR("READONLY")) || str_eq(code, STR("MASTERDOWN")) ||
		str_eq(code, STR("LOADING"));
}

/* ---- telling ------------------------------------------------------------------------------- */

static bool repeats(sluice_str said, sluice_str secret)
{
	return secret.len && said.len && memmem(said.data, said.len, secret.data, secret.len);
}

/* The text without passwords: a server repeats the arguments of a command that it does not know, as
 * AUTH on a very old one. */
static sluice_str without_secrets(const struct redis_link *l, sluice_str said)
{
	const char *args = said.len ? memmem(said.data, said.len, ", with args", 11) : NULL;
	if (args)
		said.len = (size_t)(args - said.data);
	if (repeats(said, l->conf.url.password) || repeats(said, l->conf.sentinel_password))
		return STR("(not shown: it repeats the password)");
	return said.len > SAID_MAX ? str_n(said.data, SAID_MAX) : said;
}

const char *trouble_text(const struct redis_link *l, sluice_str error, char buf[TROUBLE_TEXT])
{
	sluice_str said = without_secrets(l, error), code = trouble_code(error);
	const char *hint = NULL;
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (str_eq(code, hints[i].code))
			hint = hints[i].hint;
	}
	(void)snprintf(buf, TROUBLE_TEXT, "%.*s%s%s%s", STR_ARG(said), hint ? " (" : "",
		hint ? hint : "", hint ? ")" : "");
	for (char *p = buf; *p; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
	}
	return buf;
}

void trouble_error(struct redis_link *l, sluice_str error)
{
	struct trouble *t = &l->trouble;
	char text[TROUBLE_TEXT];
	sluice_str code = trouble_code(error);
	uint64_t now = worker_now(l->worker);
	t->error_ns = now;
	t->n++;
	if (code.len == 0)
		code = STR("?");
	if (str_eq(str_of(t->code), code) || (t->logged_ns && now - t->logged_ns < LOG_INTERVAL_NS))
		return;
	if (t->code[0] == 0)
		t->n = 1;
	(void)snprintf(t->code, sizeof(t->code), "%.*s", STR_ARG(code));
	t->logged_ns = now;
	if (!l->conf.quiet)
		log_warn("redis", "%s: commands fail: %s", l->name, trouble_text(l, error, text));
}

void trouble_answer(struct redis_link *l)
{
	struct trouble *t = &l->trouble;
	if (worker_now(l->worker) - t->error_ns < LOG_INTERVAL_NS)
		return;
	if (!l->conf.quiet)
		log_info("redis", "%s: commands succeed again; %llu failed with %s", l->name,
			(unsigned long long)t->n, t->code);
	t->code[0] = 0;
	t->n = 0;
}
