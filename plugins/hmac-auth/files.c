/* The files of keys, read and watched: see files.h. */
#include "files.h"

#include <stdio.h>

enum { FILE_SIZE_MAX = 16 * 1024 * 1024, KEY_FILE_MAX = 64 * 1024, SHOWN = 255, REPORT = 512 };

static struct signers *make(const struct hmac_auth *h, sluice_str text, struct signers_mistake *m)
{
	return signers_new(h->keys.v, h->keys.n, text, m);
}

/* "keys:7: the line has ...", without what stands there. */
static void describe(const struct hmac_auth *h, const struct signers_mistake *m,
	char report[REPORT])
{
	(void)snprintf(report, REPORT, "%.*s:%zu: the line %s",
		h->file.len < SHOWN ? (int)h->file.len : SHOWN, h->file.data, m->line, m->why);
}

/* Hand new keys to the workers. */
static void publish(sluice_instance *inst, struct hmac_auth *h, struct signers *signers)
{
	h->n_keys = signers_count(signers);
	if (h->n_keys == 0)
		sluice_log(inst, SLUICE_LOG_WARN, "there are no keys: nobody is admitted");
	sluice_publish(inst, signers, signers_free);
}

/* Tell the metrics what is in force. Not in check(): the configuration may be refused. */
static void tell(const struct hmac_auth *h)
{
	sluice_metric_set(h->keys_known, SLUICE_STR_NONE, (int64_t)h->n_keys);
	sluice_metric_set(h->refused_files, SLUICE_STR_NONE, h->file_is_refused);
}

/* ---- watching ------------------------------------------------------------------------------ */

static void take(sluice_instance *inst, struct hmac_auth *h, sluice_str text)
{
	struct signers_mistake mistake;
	char report[REPORT];
	struct signers *signers = make(h, text, &mistake);
	h->file_is_refused = !signers;
	if (!signers) {
		describe(h, &mistake, report);
		sluice_log(inst, SLUICE_LOG_ERROR,
			"%s; the file is not used, and what it said before stays in force", report);
		tell(h);
		return;
	}
	sluice_log(inst, SLUICE_LOG_INFO, "%.*s has changed: %zu keys", (int)h->file.len,
		h->file.data, signers_count(signers));
	publish(inst, h, signers);
	tell(h);
}

static void look(sluice_instance *inst, void *conf)
{
	struct hmac_auth *h = conf;
	sluice_str text;
	if (watch_look(inst, &h->watched, &text))
		take(inst, h, text);
	sluice_timer(inst, watch_is_moving(&h->watched) ? WATCH_SOON_MS : h->refresh, look);
}

/* ---- configuration ------------------------------------------------------------------------- */

/* A public key that is told as `file:PATH` becomes what is written there. */
static int read_public_keys(sluice_instance *inst, const struct hmac_auth *h)
{
	const sluice_str prefix = SLUICE_STR("file:");
	struct signer_option *v = h->keys.v;
	char option[64];
	int rc = 0;
	for (size_t i = 0; i < h->keys.n; i++) {
		if (!sluice_str_starts(v[i].public_key, prefix))
			continue;
		sluice_str path = sluice_str_skip(v[i].public_key, prefix.len);
		int error = sluice_read_file(inst, path, KEY_FILE_MAX, &v[i].public_key);
		if (error == 0)
			continue;
		(void)snprintf(option, sizeof(option), "keys[%zu].public_key", i);
		sluice_conf_error(inst, option, "cannot read %.*s: %s", (int)path.len, path.data,
			watch_error(error));
		rc = -1;
	}
	return rc;
}

static void report_mistake(sluice_instance *inst, const struct hmac_auth *h,
	const struct signers_mistake *m)
{
	char text[REPORT];
	if (m->line) {
		describe(h, m, text);
		sluice_conf_error(inst, "file", "%s", text);
	} else {
		(void)snprintf(text, sizeof(text), "keys[%zu]", m->index);
		sluice_conf_error(inst, h->keys.n ? text : NULL, "the key %s", m->why);
	}
	sluice_conf_hint(inst,
		"`openssl rand -base64 32` makes a secret; a line of a file is `KEYID NAME "
		"secret=base64:... [expires=TIME] [groups=a,b] [FACT=VALUE ...]`, or has "
		"public_key=BASE64 in the place of secret");
}

int files_check(sluice_instance *inst, struct hmac_auth *h)
{
	sluice_str text = SLUICE_STR("");
	struct signers_mistake mistake;
	if (read_public_keys(inst, h) < 0)
		return -1;
	if (h->file.len) {
		h->watched = (struct watched){ .path = h->file, .max = FILE_SIZE_MAX };
		int rc = watch_first(inst, &h->watched, &text);
		if (rc < 0) {
			sluice_conf_error(inst, "file", "cannot read %.*s: %s", (int)h->file.len,
				h->file.data, watch_error(rc));
			return -1;
		}
	}
	struct signers *signers = make(h, text, &mistake);
	if (!signers) {
		report_mistake(inst, h, &mistake);
		return -1;
	}
	publish(inst, h, signers);
	return 0;
}

void files_start(sluice_instance *inst, const struct hmac_auth *h)
{
	tell(h);
	if (h->file.len)
		sluice_timer(inst, h->refresh, look);
}
