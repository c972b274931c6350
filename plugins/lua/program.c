/* Programs: see program.h. */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>

#include "vm.h"

enum { SOURCE_SIZE_MAX = 1024 * 1024, PATH_MAX_BYTES = 1024 };

static char *text_copy(sluice_str s)
{
	char *copy = malloc(s.len + 1);
	if (copy)
		*sluice_str_put(copy, s) = '\0';
	return copy;
}

static void source_fini(struct source *s)
{
	free(s->name);
	free(s->chunk);
	free(s->text);
}

struct program *program_ref(struct program *p)
{
	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void program_unref(void *program)
{
	struct program *p = program;
	if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	for (size_t i = 0; i < p->n; i++)
		source_fini(&p->v[i]);
	free(p);
}

const struct source *program_find(const struct program *p, sluice_str name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (sluice_str_is(name, p->v[i].name))
			return &p->v[i];
	}
	return NULL;
}

static const struct source *program_add(struct program *p, sluice_str name, sluice_str chunk,
	sluice_str text)
{
	struct source *s = &p->v[p->n];
	if (p->n == SOURCES_MAX)
		return NULL;
	*s = (struct source){ .name = text_copy(name),
		.chunk = text_copy(chunk),
		.text = text_copy(text),
		.len = text.len };
	if (s->name && s->chunk && s->text) {
		p->n++;
		return s;
	}
	source_fini(s);
	return NULL;
}

/* Read a file, and remember it so that it is watched, also when it cannot be read. */
static int read_seen(const struct lua_conf *c, struct seen *seen, sluice_str path, sluice_str *text)
{
	struct watched *w = &seen->v[seen->n];
	if (seen->n == SOURCES_MAX)
		return -1;
	*w = (struct watched){ .path = path, .max = SOURCE_SIZE_MAX };
	seen->n++;
	return watch_first(c->inst, w, text);
}

/* The path of a module lives as long as the instance, because it is watched. The same path is not
 * kept twice, however often a script is read again. */
static sluice_str keep_path(const struct lua_conf *c, const char *path)
{
	const struct seen *seen = &c->seen;
	for (size_t i = 0; i < seen->n; i++) {
		if (sluice_str_is(seen->v[i].path, path))
			return seen->v[i].path;
	}
	size_t n = strlen(path);
	char *copy = sluice_conf_alloc(c->inst, n + 1);
	memcpy(copy, path, n);
	return sluice_str_n(copy, n);
}

static const struct source *read_script(struct reader *r, char report[REPORT])
{
	const struct lua_conf *c = r->conf;
	char chunk[PATH_MAX_BYTES] = "=script";
	sluice_str text = c->script;
	if (c->file.len) {
		int rc = read_seen(c, r->seen, c->file, &text);
		if (rc < 0) {
			(void)snprintf(report, REPORT, "cannot read %.*s: %s", (int)c->file.len,
				c->file.data, watch_error(rc));
			return NULL;
		}
		/* file names alone, because Lua cuts long paths off */
		const char *slash = memrchr(c->file.data, '/', c->file.len);
		(void)snprintf(chunk, sizeof(chunk), "@%s", slash ? slash + 1 : c->file.data);
	}
	const struct source *s =
		program_add(r->program, SLUICE_STR(""), sluice_str_of(chunk), text);
	if (!s)
		(void)snprintf(report, REPORT, "there is no memory for the script");
	return s;
}

/* "a.b-c": names that lead to no other folder */
static bool is_module_name(sluice_str name)
{
	bool was_dot = true;
	if (name.len > MODULE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		if (c == '.' ? was_dot : !sluice_is_alnum(c) && c != '_' && c != '-')
			return false;
		was_dot = c == '.';
	}
	return !was_dot;
}

const struct source *reader_read(struct reader *r, sluice_str name, char why[REPORT])
{
	const struct lua_conf *c = r->conf;
	char path[PATH_MAX_BYTES], chunk[MODULE_NAME_MAX + 8];
	sluice_str text;
	if (!c->modules.len || !is_module_name(name)) {
		(void)snprintf(why, REPORT, "%s",
			c->modules.len ? "this is no name of a module"
				       : "the option `modules` names no folder");
		return NULL;
	}
	int n = snprintf(chunk, sizeof(chunk), "@%.*s", (int)name.len, name.data);
	for (int i = 0; i < n; i++)
		chunk[i] = chunk[i] == '.' ? '/' : chunk[i];
	memcpy(chunk + n, ".lua", sizeof(".lua"));
	if (snprintf(path, sizeof(path), "%.*s/%s", (int)c->modules.len, c->modules.data,
		    chunk + 1) >= (int)sizeof(path)) {
		(void)snprintf(why, REPORT, "the path is too long");
		return NULL;
	}
	int rc = read_seen(c, r->seen, keep_path(c, path), &text);
	const struct source *s = rc < 0 ? NULL
					: program_add(r->program, name, sluice_str_of(chunk), text);
	if (!s)
		(void)snprintf(why, REPORT, "cannot read %s: %s", path,
			r->program->n == SOURCES_MAX || r->seen->n == SOURCES_MAX
				? "there are too many modules"
				: watch_error(rc));
	return s;
}

struct program *program_build(const struct lua_conf *c, struct seen *seen, char report[REPORT])
{
	struct program *p = calloc(1, sizeof(*p));
	seen->n = 0;
	if (!p) {
		(void)snprintf(report, REPORT, "there is no memory for the script");
		return NULL;
	}
	p->refs = 1;
	struct reader r = { c, p, seen };
	struct vm *vm = read_script(&r, report) ? vm_new(c, p, &r, report) : NULL;
	if (!vm) {
		program_unref(p);
		return NULL;
	}
	vm_unref(&vm);
	return p;
}
