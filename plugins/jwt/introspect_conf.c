/* The options of introspection. Main thread. */
#include "introspect_conf.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "../shared/url.h"
#include "conf.h"
#include "introspect_answer.h"
#include "introspect_shared.h"

enum { CACHE_NAME = 64, INACTIVE_PART = 8 };

static const char *const tokens_choices[] = { "opaque", "all", NULL };
static const char *const format_choices[] = { "json", "jwt", NULL };
static const char *const failure_choices[] = { "deny", "stale", NULL };

#define OPT(type, field, ...) \
	SLUICE_OPTION(SLUICE_T_##type, struct introspection, field, __VA_ARGS__)

const sluice_option introspect_options[] = {
	OPT(STR, url, .flags = SLUICE_F_REQUIRED, .max = "2048",
		.doc = "the introspection endpoint of the authorization server"),
	CLIENT_AUTH_OPTIONS(struct introspection, client),
	OPT(ENUM, tokens, .def = "opaque", .choices = tokens_choices,
		.doc = "which tokens the server is asked about: those that are no JWT, or all, so "
		       "that one that was revoked is refused"),
	OPT(ENUM, format, .def = "json", .choices = format_choices,
		.doc = "form of its answers; jwt: signed by an issuer of the instance (RFC 9701)"),
	OPT(DURATION, ttl, .def = "60s", .max = "1d",
		.doc = "how long an answer is used at most, and so how late a revoked token is "
		       "refused; 0s: the server is asked for each request"),
	OPT(DURATION, negative_ttl, .def = "10s", .max = "1d",
		.doc = "how long a token is remembered as not active; 0s: not at all"),
	OPT(ENUM, on_failure, .def = "deny", .choices = failure_choices,
		.doc = "when the server does not answer: refuse the request with 503, or use an "
		       "answer that is older than ttl"),
	OPT(DURATION, stale_for, .def = "5m", .max = "7d",
		.doc = "with on_failure: stale, how much longer than ttl an answer is used"),
	OPT(DURATION, timeout, .def = "2s", .min = "10ms", .max = "1m",
		.doc = "how long the server may take"),
	OPT(SIZE, size, .def = "8MiB", .min = "512KiB", .max = "1GiB",
		.doc = "memory for answers, of all workers together; an eighth of it for tokens "
		       "that are not active"),
	OPT(UINT, max_pending, .def = "256", .min = "1", .max = "65536",
		.doc = "questions under way at a time; beyond that requests with tokens that "
		       "nobody has asked about get 503"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

/* What a URL may have (RFC 3986), and no user or fragment: nothing that the fetch or an assertion
 * would refuse later. */
static bool is_url(sluice_str s)
{
	static const char others[] = "-._~:/?[]!$&'()*+,;=%";
	size_t i = 0;
	while (i < s.len &&
		(sluice_is_alnum(s.data[i]) || memchr(others, s.data[i], sizeof(others) - 1)))
		i++;
	return url_is_http(s) && i == s.len;
}

static int check_options(sluice_instance *inst, const struct jwt_conf *conf)
{
	const struct introspection *in = &conf->introspection;
	int rc = 0;
	if (!is_url(in->url)) {
		sluice_conf_error(inst, "introspection.url", "expected an http:// or https:// URL");
		rc = -1;
	}
	if (in->format == INTROSPECT_JWT && conf->issuer.n + conf->issuers.n == 0) {
		sluice_conf_error(inst, "introspection.format",
			"jwt needs an issuer, whose keys verify the answers");
		rc = -1;
	}
	if (sluice_conf_given(inst, "introspection.stale_for") &&
		in->on_failure != INTROSPECT_STALE) {
		sluice_conf_error(inst, "introspection.stale_for", "needs on_failure: stale");
		rc = -1;
	}
	return rc;
}

static void make_identity(const struct introspection *in, char out[IDENTITY])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1 ||
		EVP_DigestUpdate(md, in->url.data, in->url.len) != 1 ||
		EVP_DigestUpdate(md, in->format == INTROSPECT_JWT ? "\1" : "\0", 1) != 1 ||
		EVP_DigestUpdate(md, in->client.client_id.data, in->client.client_id.len) != 1 ||
		EVP_DigestFinal_ex(md, digest, NULL) != 1)
		memset(digest, 0, sizeof(digest));
	EVP_MD_CTX_free(md);
	memcpy(out, digest, IDENTITY);
}

static sluice_cache *open_cache(sluice_instance *inst, sluice_str name, uint64_t bytes)
{
	return sluice_cache_open(inst,
		&(sluice_cache_desc){ .size = sizeof(sluice_cache_desc),
			.name = name,
			.max_bytes = bytes,
			.max_object = least(INTROSPECT_MAX, bytes) });
}

static int open_shared(sluice_instance *inst, struct introspection *in)
{
	struct introspect_shared *s = sluice_conf_alloc(inst, sizeof(*s));
	flights_init(&s->flights);
	in->shared = s;
	make_identity(in, s->identity);
	s->asked = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.name = "introspections",
			.help = "Requests whose token a server was or had been asked about, by "
				"what it said.",
			.label = "result" });
	sluice_str name = sluice_instance_name(inst);
	const char *suffix = "-inactive";
	char *second = sluice_conf_alloc(inst, CACHE_NAME + 1);
	(void)snprintf(second, CACHE_NAME + 1, "%.*s%s",
		(int)least(name.len, CACHE_NAME - strlen(suffix)), name.data, suffix);
	s->answers = open_cache(inst, SLUICE_STR_NONE, in->size - in->size / INACTIVE_PART);
	s->inactive = open_cache(inst, sluice_str_of(second), in->size / INACTIVE_PART);
	return s->answers && s->inactive && s->asked ? 0 : -1;
}

int introspect_check(sluice_instance *inst, struct jwt_conf *conf)
{
	struct introspection *in = &conf->introspection;
	if (in->url.len == 0)
		return 0;
	int rc = check_options(inst, conf);
	if (client_auth_check(inst, &in->client, "introspection.") < 0)
		rc = -1;
	if (!url_is_https(in->url))
		sluice_log(inst, SLUICE_LOG_WARN,
			"tokens are sent without TLS to %.*s: whoever listens there can use them",
			(int)url_shown(in->url).len, in->url.data);
	return open_shared(inst, in) < 0 ? -1 : rc;
}

void introspect_stop(struct jwt_conf *conf)
{
	client_auth_free(&conf->introspection.client);
	if (conf->introspection.shared)
		flights_fini(&conf->introspection.shared->flights);
}
