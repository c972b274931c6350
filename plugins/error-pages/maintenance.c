/* See maintenance.h. */
#include "maintenance.h"

#include <errno.h>
#include <stdio.h>

#include <sluice/str.h>

enum { LOOK_MS = 1000, FILE_BYTES = 4096, SECONDS_MAX = 24 };

/* ---- the file that switches it on ---------------------------------------------------------- */

static const char on[] = "on", off[] = "off"; /* what is published */

static void forget(void *value)
{
	(void)value; /* it is a constant */
}

/* Whether the file is there. One that cannot be read is there as well. */
static bool file_is_there(sluice_instance *inst, sluice_str path)
{
	sluice_str text;
	int rc = sluice_read_file(inst, path, FILE_BYTES, &text);
	return rc != -ENOENT && rc != -ENOTDIR;
}

static void look(sluice_instance *inst, struct error_pages *p)
{
	bool is = file_is_there(inst, p->maintenance.file);
	if (is != p->is_shown)
		sluice_log(inst, SLUICE_LOG_INFO, "maintenance is %s: %.*s is %s", is ? on : off,
			(int)p->maintenance.file.len, p->maintenance.file.data,
			is ? "there" : "gone");
	if (is != p->is_shown)
		sluice_publish(inst, (void *)(uintptr_t)(is ? on : off), forget);
	p->is_shown = is;
}

static void on_timer(sluice_instance *inst, void *conf)
{
	look(inst, conf);
	sluice_timer(inst, LOOK_MS, on_timer);
}

void maintenance_start(sluice_instance *inst, const struct error_pages *p)
{
	if (p->maintenance.file.len)
		sluice_timer(inst, LOOK_MS, on_timer);
}

/* ---- configuration ------------------------------------------------------------------------- */

static int check_paths(sluice_instance *inst, sluice_strs paths)
{
	int rc = 0;
	for (size_t i = 0; i < paths.n; i++) {
		sluice_str behind = paths.v[i], before = sluice_str_cut(&behind, '*');
		char option[64];
		if (before.len && before.data[0] == '/' &&
			(!behind.data || (!behind.len && before.data[before.len - 1] == '/')))
			continue;
		(void)snprintf(option, sizeof(option), "maintenance.except.paths[%zu]", i);
		sluice_conf_error(inst, option, "\"%.*s\" is no path", (int)paths.v[i].len,
			paths.v[i].data);
		sluice_conf_hint(inst, "/health, or /assets/* for all that begins so");
		rc = -1;
	}
	return rc;
}

int maintenance_check(sluice_instance *inst, struct error_pages *p)
{
	struct maintenance *m = &p->maintenance;
	char *seconds = sluice_conf_alloc(inst, SECONDS_MAX);
	int n = snprintf(seconds, SECONDS_MAX, "%llu",
		(unsigned long long)((m->retry_after + 999) / 1000));
	m->seconds = sluice_str_n(seconds, (size_t)n);
	int rc = check_paths(inst, m->except.paths);
	if (network_list_check(inst, "maintenance.except.addresses", &m->except.addresses,
		    &m->except.networks) < 0)
		rc = -1;
	if (rc == 0 && m->file.len) {
		p->is_shown = file_is_there(inst, m->file);
		sluice_publish(inst, (void *)(uintptr_t)(p->is_shown ? on : off), forget);
	}
	return rc;
}

/* ---- requests ------------------------------------------------------------------------------ */

static bool is_path(sluice_strs paths, sluice_str path)
{
	for (size_t i = 0; i < paths.n; i++) {
		sluice_str behind = paths.v[i], before = sluice_str_cut(&behind, '*');
		if (behind.data ? sluice_str_starts(path, before) : sluice_str_eq(path, before))
			return true;
	}
	return false;
}

static bool is_on(sluice_exchange *x, const struct maintenance *m)
{
	return m->enabled || (m->file.len && sluice_published(x) == on);
}

bool maintenance_refuses(sluice_exchange *x, const struct maintenance *m)
{
	return is_on(x, m) && !is_path(m->except.paths, sluice_get(x, SLUICE_I_PATH)) &&
		!network_list_has(&m->except.networks, sluice_get(x, SLUICE_I_CLIENT_IP));
}
