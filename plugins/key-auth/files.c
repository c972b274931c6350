/* The file of keys, read and watched: see files.h. */
#include "files.h"

#include <stdio.h>

enum { FILE_SIZE_MAX = 32 * 1024 * 1024, SHOWN = 255, REPORT = 512 };

static struct keys *make(const struct key_auth *k, sluice_str text, struct keys_mistake *m)
{
	return keys_new(k->keys.v, k->keys.n, text, m);
}

/* "keys.txt:7: the line has ...", without what stands there. */
static void describe(const struct key_auth *k, const struct keys_mistake *m, char report[REPORT])
{
	(void)snprintf(report, REPORT, "%.*s:%zu: the line %s",
		k->file.len < SHOWN ? (int)k->file.len : SHOWN, k->file.data, m->line, m->why);
}

/* Hand new keys to the workers. */
static void publish(sluice_instance *inst, struct key_auth *k, struct keys *keys)
{
	k->n_keys = keys_count(keys);
	if (k->n_keys == 0 && !k->store)
		sluice_log(inst, SLUICE_LOG_WARN, "there are no keys: nobody is admitted");
	sluice_publish(inst, keys, keys_free);
}

/* Tell the metrics what is in force. Not in check(): the configuration may be refused. */
static void tell(const struct key_auth *k)
{
	sluice_metric_set(k->keys_known, SLUICE_STR_NONE, (int64_t)k->n_keys);
	sluice_metric_set(k->refused_files, SLUICE_STR_NONE, k->file_is_refused);
}

/* ---- watching ------------------------------------------------------------------------------ */

static void take(sluice_instance *inst, struct key_auth *k, sluice_str text)
{
	struct keys_mistake mistake;
	char report[REPORT];
	struct keys *keys = make(k, text, &mistake);
	k->file_is_refused = !keys;
	if (!keys) {
		describe(k, &mistake, report);
		sluice_log(inst, SLUICE_LOG_ERROR,
			"%s; the file is not used, and what it said before stays in force", report);
		tell(k);
		return;
	}
	sluice_log(inst, SLUICE_LOG_INFO, "%.*s has changed: %zu keys", (int)k->file.len,
		k->file.data, keys_count(keys));
	publish(inst, k, keys);
	tell(k);
}

static void look(sluice_instance *inst, void *conf)
{
	struct key_auth *k = conf;
	sluice_str text;
	if (watch_look(inst, &k->watched, &text))
		take(inst, k, text);
	sluice_timer(inst, watch_is_moving(&k->watched) ? WATCH_SOON_MS : k->refresh, look);
}

/* ---- configuration ------------------------------------------------------------------------- */

static void report_mistake(sluice_instance *inst, const struct key_auth *k,
	const struct keys_mistake *m)
{
	char text[REPORT];
	if (m->line) {
		describe(k, m, text);
		sluice_conf_error(inst, "file", "%s", text);
	} else {
		(void)snprintf(text, sizeof(text), "keys[%zu]", m->index);
		sluice_conf_error(inst, k->keys.n ? text : NULL, "the key %s", m->why);
	}
	sluice_conf_hint(inst,
		"`printf %%s \"$KEY\" | sha256sum` shows the SHA-256 of a key; a line of a file is "
		"`SHA256 NAME [expires=TIME] [groups=a,b] [FACT=VALUE ...]`");
}

int files_check(sluice_instance *inst, struct key_auth *k)
{
	sluice_str text = SLUICE_STR("");
	struct keys_mistake mistake;
	if (k->file.len) {
		k->watched = (struct watched){ .path = k->file, .max = FILE_SIZE_MAX };
		int rc = watch_first(inst, &k->watched, &text);
		if (rc < 0) {
			sluice_conf_error(inst, "file", "cannot read %.*s: %s", (int)k->file.len,
				k->file.data, watch_error(rc));
			return -1;
		}
	}
	struct keys *keys = make(k, text, &mistake);
	if (!keys) {
		report_mistake(inst, k, &mistake);
		return -1;
	}
	publish(inst, k, keys);
	return 0;
}

void files_start(sluice_instance *inst, const struct key_auth *k)
{
	tell(k);
	if (k->file.len)
		sluice_timer(inst, k->refresh, look);
}
