/* Files of accounts, read and watched: see files.h. */
#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_SIZE_MAX = 16 * 1024 * 1024, REPORT = 1024, SHOWN = 255 };

static const char *const options[SOURCES] = { "file", "groups_file" };

static sluice_str text_of(const struct source *s)
{
	return s->text ? sluice_str_n(s->text, s->len) : SLUICE_STR("");
}

/* Keep a content that was right. The old one is forgotten. */
static bool keep(struct source *s, sluice_str text)
{
	char *copy = malloc(text.len + 1);
	if (!copy)
		return false;
	*sluice_str_put(copy, text) = '\0';
	free(s->text);
	s->text = copy;
	s->len = text.len;
	return true;
}

static struct accounts *make(const struct basic_auth *b, sluice_str users, sluice_str groups,
	struct accounts_mistake *mistake)
{
	const struct accounts_from from = { b->users, users, groups, b->groups, b->key };
	return accounts_new(&from, mistake);
}

/* "users.htpasswd:7: user "bob": the hash is ...", without the hash. */
static void describe(const struct basic_auth *b, const struct accounts_mistake *m,
	char report[REPORT])
{
	size_t n = 0;
	report[0] = '\0';
	if (m->where != IN_USERS) {
		sluice_str path =
			b->sources[m->where == IN_FILE ? SOURCE_USERS : SOURCE_GROUPS].file.path;
		n = (size_t)snprintf(report, REPORT,
			"%.*s:%zu: ", path.len < SHOWN ? (int)path.len : SHOWN, path.data, m->line);
	}
	(void)snprintf(report + n, REPORT - n, "%s%.*s%s %s",
		m->user.data ? "the entry of \"" : "the line",
		m->user.len < SHOWN ? (int)m->user.len : SHOWN, m->user.data ? m->user.data : "",
		m->user.data ? "\"" : "", m->why);
}

/* Whoever can read the file can try passwords without anybody noticing. The interface tells no path
 * for a name relative to the configuration, so that only absolute ones can be looked at. */
static void warn_if_open(sluice_instance *inst, sluice_str path)
{
	struct stat st;
	char z[512];
	if (path.len == 0 || path.len >= sizeof(z) || path.data[0] != '/')
		return;
	*sluice_str_put(z, path) = '\0';
	if (stat(z, &st) == 0 && (st.st_mode & S_IROTH))
		sluice_log(inst, SLUICE_LOG_WARN,
			"%s can be read by every user of this machine: chmod o-r it", z);
}

/* Hand new accounts to the workers, and say what is to be said about them. */
static void publish(sluice_instance *inst, struct basic_auth *b, struct accounts *a)
{
	b->n_users = a->n;
	if (a->n == 0)
		sluice_log(inst, SLUICE_LOG_WARN, "there are no users: nobody can log in");
	if (a->weak)
		sluice_log(inst, SLUICE_LOG_WARN,
			"%zu of %zu passwords have MD5 hashes ($apr1$, $1$), which are guessed "
			"fast where the file is stolen: make new ones by `htpasswd -B`",
			a->weak, a->n);
	sluice_publish(inst, a, accounts_free);
}

/* Tell the metrics what is in force. Not in check(): the configuration may be refused. */
static void tell(const struct basic_auth *b)
{
	int64_t refused = 0;
	for (size_t i = 0; i < SOURCES; i++)
		refused += b->sources[i].is_refused;
	sluice_metric_set(b->users_known, SLUICE_STR_NONE, (int64_t)b->n_users);
	sluice_metric_set(b->refused_files, SLUICE_STR_NONE, refused);
}

/* ---- watching ------------------------------------------------------------------------------ */

/* A file has changed. */
static void take(sluice_instance *inst, struct basic_auth *b, size_t which, sluice_str text)
{
	struct source *s = &b->sources[which];
	struct accounts_mistake mistake;
	char report[REPORT];
	struct accounts *a = make(b,
		which == SOURCE_USERS ? text : text_of(&b->sources[SOURCE_USERS]),
		which == SOURCE_GROUPS ? text : text_of(&b->sources[SOURCE_GROUPS]), &mistake);
	s->is_refused = !a || !keep(s, text);
	if (!a) {
		describe(b, &mistake, report);
		sluice_log(inst, SLUICE_LOG_ERROR,
			"%s; %.*s is not used, and what it said before stays in force", report,
			(int)s->file.path.len, s->file.path.data);
		tell(b);
		return;
	}
	sluice_log(inst, SLUICE_LOG_INFO, "%.*s has changed: %zu users", (int)s->file.path.len,
		s->file.path.data, a->n);
	publish(inst, b, a);
	tell(b);
}

static void look(sluice_instance *inst, void *conf)
{
	struct basic_auth *b = conf;
	uint64_t pause = b->refresh;
	sluice_str text;
	for (size_t i = 0; i < SOURCES; i++) {
		struct source *s = &b->sources[i];
		if (!s->file.path.data)
			continue;
		if (watch_look(inst, &s->file, &text))
			take(inst, b, i, text);
		if (watch_is_moving(&s->file))
			pause = WATCH_SOON_MS;
	}
	sluice_timer(inst, pause, look);
}

/* ---- configuration ------------------------------------------------------------------------- */

static int read_file(sluice_instance *inst, struct basic_auth *b, size_t which, sluice_str path)
{
	struct source *s = &b->sources[which];
	sluice_str text;
	if (!path.len)
		return 0;
	s->file = (struct watched){ .path = path, .max = FILE_SIZE_MAX };
	int rc = watch_first(inst, &s->file, &text);
	if (rc == 0 && keep(s, text)) {
		warn_if_open(inst, path);
		return 0;
	}
	sluice_conf_error(inst, options[which], "cannot read %.*s: %s", (int)path.len, path.data,
		rc ? watch_error(rc) : "there is no memory");
	return -1;
}

static void report_mistake(sluice_instance *inst, const struct basic_auth *b,
	const struct accounts_mistake *m)
{
	char report[REPORT], option[SHOWN + 16];
	describe(b, m, report);
	(void)snprintf(option, sizeof(option), "users.%.*s",
		m->user.len < SHOWN ? (int)m->user.len : SHOWN, m->user.data ? m->user.data : "");
	sluice_conf_error(inst,
		m->where == IN_USERS ? option : options[m->where == IN_FILE ? 0 : 1], "%s", report);
	if (m->where != IN_GROUPS)
		sluice_conf_hint(inst,
			"`htpasswd -B FILE NAME` or `mkpasswd` makes a hash that "
			"is accepted: bcrypt ($2y$), yescrypt ($y$), SHA-crypt "
			"($5$, $6$), and Apache's MD5 ($apr1$)");
}

int files_check(sluice_instance *inst, struct basic_auth *b)
{
	struct accounts_mistake mistake;
	int rc = read_file(inst, b, SOURCE_USERS, b->file);
	if (read_file(inst, b, SOURCE_GROUPS, b->groups_file) < 0 || rc < 0)
		return -1;
	struct accounts *a = make(b, text_of(&b->sources[SOURCE_USERS]),
		text_of(&b->sources[SOURCE_GROUPS]), &mistake);
	if (!a) {
		report_mistake(inst, b, &mistake);
		return -1;
	}
	publish(inst, b, a);
	return 0;
}

void files_start(sluice_instance *inst, const struct basic_auth *b)
{
	tell(b);
	if (b->file.len || b->groups_file.len)
		sluice_timer(inst, b->refresh, look);
}

void files_fini(struct basic_auth *b)
{
	for (size_t i = 0; i < SOURCES; i++) {
		free(b->sources[i].text);
		b->sources[i].text = NULL;
	}
}
