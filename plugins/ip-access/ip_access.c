/*
 * ip-access: admits requests by the address that they come from. Networks stand in the options, or
 * in files that are watched. The main thread reads them and publishes a set; workers look it up.
 */
#include <sluice/plugin.h>

#include <stdio.h>
#include <stdlib.h>

#include "../shared/watch.h"
#include "set.h"

enum { FILE_SIZE_MAX = 64 * 1024 * 1024, FILES_MAX = 64 };
enum by { BY_CLIENT, BY_PEER };
enum refusal { ADMITTED, DENIED, NOT_ALLOWED };

/* where networks come from: a file, or the options, which have no path */
struct source {
	struct watched file;
	bool deny;
	bool is_refused; /* the content that was taken last has a mistake: an older one is in force
			  */
};

struct ip_access {
	sluice_strs allow, deny;
	int32_t by; /* enum by */
	bool drop;
	uint64_t status;
	uint64_t refresh; /* ms */

	/* set by check(); main thread */
	struct source *sources;
	struct networks *lists; /* owned: of each source */
	size_t n_sources;
	const sluice_metric *networks, *refused_files;
	bool must_publish; /* main thread: workers do not have the present lists */
};

static const char *const by_choices[] = { "client", "peer", NULL };

static const sluice_option ip_access_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct ip_access, allow, .min = "1", .max = "10000",
		.doc = "addresses, networks (10.0.0.0/8), unix, all, and files of them "
		       "(file:PATH), that are let through; when given, all others are refused"),
	SLUICE_OPTION(SLUICE_T_STRS, struct ip_access, deny, .min = "1", .max = "10000",
		.doc = "the same, for those that are refused; where networks overlap, the longer "
		       "prefix decides, and deny among two equal ones"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct ip_access, by, .def = "client", .choices = by_choices,
		.doc = "which address counts: the client's, as a trusted proxy tells it, or that "
		       "of the peer, which may be a proxy"),
	SLUICE_OPTION(SLUICE_T_UINT, struct ip_access, status, .def = "403", .min = "400",
		.max = "499", .doc = "status code of refused requests"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct ip_access, drop, .def = "false",
		.doc = "on a listener: close connections of refused addresses when they are made, "
		       "before TLS and without an answer"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct ip_access, refresh, .def = "5s", .min = "1s",
		.max = "1d", .doc = "how often files are looked at"),
	SLUICE_OPTIONS_END,
};

/* ---- lists --------------------------------------------------------------------------------- */

static bool is_file(const struct source *s)
{
	return s->file.path.data != NULL;
}

/* Make a set of all lists and hand it to the workers. */
static bool publish(sluice_instance *inst, struct ip_access *a)
{
	struct set *s = set_new(a->lists, a->n_sources);
	if (s)
		sluice_publish(inst, s, set_free);
	return s != NULL;
}

/* Tell the metrics what is in force. Not in check(): the configuration may be refused. */
static void tell(const struct ip_access *a)
{
	int64_t networks = 0, refused = 0;
	for (size_t i = 0; i < a->n_sources; i++) {
		networks += (int64_t)a->lists[i].n;
		refused += a->sources[i].is_refused || a->sources[i].file.error;
	}
	sluice_metric_set(a->networks, SLUICE_STR_NONE, networks);
	sluice_metric_set(a->refused_files, SLUICE_STR_NONE, refused);
}

/* Read the content of a file. False: it has a mistake, which `report` is given as a sentence. */
static bool source_read(const struct source *s, sluice_str text, struct networks *out,
	char report[NETWORK_WHY + 512])
{
	char why[NETWORK_WHY];
	size_t line;
	*out = (struct networks){ .n = 0 };
	if (networks_read(out, text, s->deny, &line, why))
		return true;
	networks_fini(out);
	(void)snprintf(report, NETWORK_WHY + 512, "%.*s:%zu: the entry %s",
		s->file.path.len < 480 ? (int)s->file.path.len : 480, s->file.path.data, line, why);
	return false;
}

/* Look at a file. True: it says something else now, or can be read no more or again. */
static bool source_look(sluice_instance *inst, struct ip_access *a, size_t i)
{
	struct source *s = &a->sources[i];
	struct networks list;
	char report[NETWORK_WHY + 512];
	sluice_str text;
	if (!is_file(s))
		return false;
	int error = s->file.error;
	if (!watch_look(inst, &s->file, &text))
		return (error == 0) != (s->file.error == 0);
	s->is_refused = !source_read(s, text, &list, report);
	if (s->is_refused) {
		sluice_log(inst, SLUICE_LOG_ERROR,
			"%s; the file is not used, and what it said before stays in force", report);
		return true;
	}
	networks_fini(&a->lists[i]);
	a->lists[i] = list;
	sluice_log(inst, SLUICE_LOG_INFO, "%.*s has changed: %zu networks", (int)s->file.path.len,
		s->file.path.data, list.n);
	return true;
}

static void ip_access_look(sluice_instance *inst, void *conf)
{
	struct ip_access *a = conf;
	uint64_t pause = a->refresh;
	for (size_t i = 0; i < a->n_sources; i++) {
		if (source_look(inst, a, i))
			a->must_publish = true;
		if (watch_is_moving(&a->sources[i].file))
			pause = WATCH_SOON_MS;
	}
	bool failed = a->must_publish && !publish(inst, a);
	if (failed)
		sluice_log(inst, SLUICE_LOG_ERROR,
			"no memory for the new set of networks; the old one stays in force");
	a->must_publish = failed; /* the next look tries again */
	tell(a);
	sluice_timer(inst, pause, ip_access_look);
}

/* ---- configuration ------------------------------------------------------------------------- */

static int check_file(sluice_instance *inst, struct ip_access *a, const char *option,
	sluice_str path, bool deny)
{
	struct source *s = &a->sources[a->n_sources];
	char report[NETWORK_WHY + 512];
	sluice_str text;
	*s = (struct source){ .file = { .path = path, .max = FILE_SIZE_MAX }, .deny = deny };
	if (path.len == 0) {
		sluice_conf_error(inst, option, "file: must be followed by a path");
		return -1;
	}
	if (a->n_sources > FILES_MAX) {
		sluice_conf_error(inst, option, "there are more than %d files", FILES_MAX);
		return -1;
	}
	int rc = watch_first(inst, &s->file, &text);
	if (rc < 0) {
		sluice_conf_error(inst, option, "cannot read %.*s: %s", (int)path.len, path.data,
			watch_error(rc));
		return -1;
	}
	if (!source_read(s, text, &a->lists[a->n_sources], report)) {
		sluice_conf_error(inst, option, "%s", report);
		sluice_conf_hint(inst, "a line is one address or network; '#' begins a comment");
		return -1;
	}
	a->n_sources++;
	return 0;
}

static int check_list(sluice_instance *inst, struct ip_access *a, bool deny)
{
	const sluice_strs *list = deny ? &a->deny : &a->allow;
	char option[32], why[NETWORK_WHY];
	int rc = 0;
	for (size_t i = 0; i < list->n; i++) {
		sluice_str entry = list->v[i];
		(void)snprintf(option, sizeof(option), "%s[%zu]", deny ? "deny" : "allow", i);
		if (sluice_str_starts(entry, SLUICE_STR("file:"))) {
			if (check_file(inst, a, option, sluice_str_skip(entry, 5), deny) < 0)
				rc = -1;
		} else if (!networks_add(&a->lists[0], entry, deny, why)) {
			sluice_conf_error(inst, option, "\"%.*s\" %s", (int)entry.len, entry.data,
				why);
			rc = -1;
		}
	}
	return rc;
}

static int declare_metrics(sluice_instance *inst, struct ip_access *a)
{
	a->networks = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = SLUICE_METRIC_GAUGE,
			.name = "networks",
			.help = "Networks in force, of the options and of files." });
	a->refused_files = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = SLUICE_METRIC_GAUGE,
			.name = "refused_files",
			.help = "Files whose present content has a mistake and is not used." });
	return a->networks && a->refused_files ? 0 : -1;
}

static int ip_access_check(sluice_instance *inst, void *conf)
{
	struct ip_access *a = conf;
	size_t n = a->allow.n + a->deny.n + 1;
	a->sources = sluice_conf_alloc(inst, n * sizeof(*a->sources));
	a->lists = sluice_conf_alloc(inst, n * sizeof(*a->lists));
	a->n_sources = 1;
	if (a->allow.n + a->deny.n == 0) {
		sluice_conf_error(inst, NULL, "neither allow nor deny has an entry");
		sluice_conf_hint(inst,
			"allow: [10.0.0.0/8] admits these addresses alone, deny: "
			"[192.0.2.0/24] all but these");
		return -1;
	}
	int rc = check_list(inst, a, false);
	if (check_list(inst, a, true) < 0 || declare_metrics(inst, a) < 0)
		rc = -1;
	if (rc == 0 && !publish(inst, a)) {
		sluice_conf_error(inst, NULL, "there is no memory for the networks");
		rc = -1;
	}
	return rc;
}

static int ip_access_start(sluice_instance *inst, void *conf)
{
	struct ip_access *a = conf;
	tell(a);
	if (a->n_sources > 1)
		sluice_timer(inst, a->refresh, ip_access_look);
	return 0;
}

static void ip_access_stop(sluice_instance *inst, void *conf)
{
	struct ip_access *a = conf;
	(void)inst;
	for (size_t i = 0; i < a->n_sources; i++)
		networks_fini(&a->lists[i]);
}

/* ---- requests and connections -------------------------------------------------------------- */

/* Whether the address is refused, and why. False: it cannot be judged. */
static bool judge(const struct ip_access *a, const struct set *s, sluice_str address,
	enum refusal *out)
{
	uint8_t family = FAMILY_UNIX;
	ip number = 0;
	if (!s || (!address_read(address, &family, &number) && !sluice_str_is(address, "unix")))
		return false;
	enum said said = set_find(s, family, number);
	*out = said == SAID_DENY                     ? DENIED
		: said == SAID_NOTHING && a->allow.n ? NOT_ALLOWED
						     : ADMITTED;
	return true;
}

static sluice_info which(const struct ip_access *a)
{
	return a->by == BY_PEER ? SLUICE_I_PEER : SLUICE_I_CLIENT_IP;
}

static sluice_verdict ip_access_on_request(sluice_exchange *x, const void *conf)
{
	const struct ip_access *a = conf;
	const char *detail = "Access from this address is not allowed.";
	enum refusal r;
	if (!judge(a, sluice_published(x), sluice_get(x, which(a)), &r))
		return SLUICE_FAIL;
	if (r == ADMITTED)
		return SLUICE_NEXT;
	sluice_credentials_absent(x); /* an address is none: others may ask for some */
	if (r == DENIED)
		return sluice_refuse(x, (int)a->status, "address-denied", detail);
	return sluice_refuse(x, (int)a->status, "address-not-allowed", detail);
}

/* A trusted proxy brings requests of several clients, so that by: client does not decide about its
 * connection. Whether the peer is one, the client's address tells: it is not known then. */
static sluice_verdict ip_access_on_connect(sluice_conn *c, const void *conf)
{
	const struct ip_access *a = conf;
	enum refusal r;
	if (!a->drop)
		return SLUICE_NEXT;
	sluice_str address = sluice_conn_get(c, which(a));
	if (!address.data && a->by == BY_CLIENT)
		return SLUICE_NEXT;
	if (!judge(a, sluice_conn_published(c), address, &r))
		return SLUICE_FAIL;
	if (r == ADMITTED)
		return SLUICE_NEXT;
	return sluice_conn_refuse(c, r == DENIED ? "address-denied" : "address-not-allowed");
}

SLUICE_PLUGIN("ip-access", .version = "1.0",
	.summary = "admits requests by the address that they come from",
	.options = ip_access_options, .conf_size = sizeof(struct ip_access),
	.check = ip_access_check, .start = ip_access_start, .stop = ip_access_stop,
	.on_request = ip_access_on_request, .on_connect = ip_access_on_connect);
