/* Loadable modules. Main thread. */
#include "policy/module.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/table.h"
#include "policy/common.h"
#include "policy/elf.h"
#include "policy/record.h"

static struct list modules = { &modules, &modules };

static bool module_name_is_sound(sluice_str name)
{
	if (name.len == 0 || name.len > 64)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

/* The plugin's option whose name every instance has already; NULL: none. */
static const char *module_taken_name(const sluice_plugin *r)
{
	for (const sluice_option *o = r->options; o && o->name; o++) {
		if (table_find(instance_options, str_of(o->name)))
			return o->name;
	}
	return NULL;
}

/* Whether something is wrong with the record, and what. */
static bool module_is_wrong(const sluice_plugin *r, sluice_str name, char why[MODULE_WHY])
{
	char text[256];
	const char *taken = module_taken_name(r);
	int n = 0;
	if (!r->name || !str_eq(str_of(r->name), name))
		n = snprintf(why, MODULE_WHY, "it calls itself \"%s\"", r->name ? r->name : "");
	else if (r->options && table_check(r->options, r->conf_size, false, text, sizeof(text)) < 0)
		n = snprintf(why, MODULE_WHY, "its option table cannot be used: %s", text);
	else if (taken)
		n = snprintf(why, MODULE_WHY,
			"its option \"%s\" has a name that every instance has: use, on_error, mode "
			"or budget; give it another",
			taken);
	else if (r->worker_size > 1u << 30)
		n = snprintf(why, MODULE_WHY, "it wants %zu bytes for each worker", r->worker_size);
	return n != 0;
}

/* NULL, and a sentence in why, when its record cannot be used. */
static struct module *module_add(const sluice_plugin *record, sluice_str name, const char *path,
	char why[MODULE_WHY])
{
	_Static_assert((int)RECORD_WHY == (int)MODULE_WHY, "one sentence has room in both");
	struct module *m = mem_new(struct module);
	arena_init(&m->arena, 0);
	if (!record_read(record, &m->arena, &m->own, why) || module_is_wrong(&m->own, name, why)) {
		arena_fini(&m->arena);
		free(m);
		return NULL;
	}
	m->record = &m->own;
	m->source = record;
	m->path = mem_text(path, strlen(path));
	list_push(&modules, &m->link);
	return m;
}

static struct module *module_open(const struct module_dirs *dirs, const char *path, sluice_str name,
	char why[MODULE_WHY])
{
	char text[MODULE_WHY] = "";
	struct stat st;
	const char *wrong = elf_look(path, &st);
	if (wrong) {
		(void)snprintf(why, MODULE_WHY, "%.400s: %s", path, wrong);
		return NULL;
	}
	void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!so) {
		(void)snprintf(why, MODULE_WHY, "%s", dlerror());
		return NULL;
	}
	const sluice_plugin *record = dlsym(so, "sluice_plugin_record");
	const sluice_host ***host = dlsym(so, "sluice_plugin_host");
	if (!record || !host) {
		(void)snprintf(why, MODULE_WHY,
			"%.400s is no Sluice plugin: it exports no sluice_plugin_record", path);
		(void)dlclose(so);
		return NULL;
	}
	struct module *m = module_add(record, name, path, text);
	if (!m) {
		(void)snprintf(why, MODULE_WHY, "%.200s: %.300s", path, text);
		(void)dlclose(so);
		return NULL;
	}
	**host = dirs->services;
	m->loaded = st;
	return m;
}

struct module *module_register(const sluice_plugin *record, const char *path, char why[MODULE_WHY])
{
	list_each (e, &modules) {
		struct module *m = container_of(e, struct module, link);
		if (m->source == record)
			return m;
	}
	return module_add(record, str_of(record->name), path, why);
}

/* Find the file of that module. */
static bool module_find(const struct module_dirs *dirs, sluice_str name, char *path, size_t cap)
{
	for (size_t i = 0; i < dirs->n; i++) {
		int n = snprintf(path, cap, "%s/%.*s.so", dirs->v[i], STR_ARG(name));
		if (n > 0 && (size_t)n < cap && access(path, F_OK) == 0)
			return true;
	}
	return false;
}

const char *module_changed(const struct module_dirs *dirs, const struct module *m)
{
	char path[4096];
	struct stat now;
	const struct stat *then = &m->loaded;
	if (!module_find(dirs, str_of(m->record->name), path, sizeof(path)) || stat(path, &now) < 0)
		return "was removed";
	if (now.st_dev != then->st_dev || now.st_ino != then->st_ino)
		return "was replaced";
	if (now.st_size != then->st_size || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
		now.st_mtim.tv_nsec != then->st_mtim.tv_nsec)
		return "was written to";
	return NULL;
}

void module_each(void (*fn)(void *ctx, const struct module *m), void *ctx)
{
	list_each (e, &modules)
		fn(ctx, container_of(e, struct module, link));
}

struct module *module_get(const struct module_dirs *dirs, sluice_str name, char why[MODULE_WHY])
{
	char path[4096];
	if (!module_name_is_sound(name)) {
		(void)snprintf(why, MODULE_WHY,
			"names of plugins are lower-case letters, digits, - and _");
		return NULL;
	}
	list_each (e, &modules) {
		struct module *m = container_of(e, struct module, link);
		if (str_eq(str_of(m->record->name), name))
			return m;
	}
	if (module_find(dirs, name, path, sizeof(path)))
		return module_open(dirs, path, name, why);
	size_t at = (size_t)snprintf(why, MODULE_WHY, "no %.*s.so in ", STR_ARG(name));
	for (size_t i = 0; i < dirs->n && at < MODULE_WHY; i++)
		at += (size_t)snprintf(why + at, MODULE_WHY - at, "%s%s", i ? ", " : "",
			dirs->v[i]);
	return NULL;
}

static int module_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t module_names(const struct module_dirs *dirs, char ***out)
{
	char **v = NULL;
	size_t n = 0, kept = 0;
	for (size_t i = 0; i < dirs->n; i++) {
		DIR *d = opendir(dirs->v[i]);
		struct dirent *e;
		while (d && (e = readdir(d))) {
			sluice_str file = str_of(e->d_name);
			if (!str_ends(file, STR(".so")) ||
				!module_name_is_sound(str_n(file.data, file.len - 3)))
				continue;
			v = mem_resize(v, n + 1, sizeof(*v), "names of plugins");
			v[n++] = mem_text(file.data, file.len - 3);
		}
		if (d)
			(void)closedir(d);
	}
	if (n)
		qsort(v, n, sizeof(*v), module_compare);
	for (size_t i = 0; i < n; i++) {
		if (kept && strcmp(v[i], v[kept - 1]) == 0)
			free(v[i]);
		else
			v[kept++] = v[i];
	}
	*out = v;
	return kept;
}
