/* Configuration files. Main thread. */
#include "config/file.h"

#include <errno.h>

#include "base/load.h"
#include "config/yaml.h"

void config_init(struct config *c, struct arena *a, struct diag *d)
{
	*c = (struct config){ .arena = a,
		.diag = d,
		.env = &env_process,
		.file = "configuration",
		.dir = "/",
		.disk = &include_from_disk };
}

static int file_read_kind(struct arena *a, const char *path, enum load_kind kind, size_t max,
	sluice_str *out)
{
	struct loaded l;
	int err = load_file(&l, path, kind, max);
	if (err)
		return err;
	*out = arena_str(a, str_n(l.data, l.len));
	load_free(&l);
	return out->data ? 0 : -ENOMEM;
}

int file_read(struct arena *a, const char *path, size_t max, sluice_str *out)
{
	return file_read_kind(a, path, LOAD_REGULAR, max, out);
}

const char *file_error(int negative_errno)
{
	return load_error(negative_errno);
}

int config_load_text(struct config *c, const char *file, const char *dir, sluice_str text)
{
	unsigned before = c->diag->n_errors;
	c->file = arena_str(c->arena, str_of(file)).data;
	c->dir = arena_str(c->arena, str_of(dir)).data;
	c->sources = NULL;
	c->root = yaml_parse(c->arena, c->diag, c->env, file, text);
	const struct include_args args = { .arena = c->arena,
		.diag = c->diag,
		.env = c->env,
		.disk = c->disk,
		.file = c->file,
		.size = text.len,
		.top = c->top,
		.sources = &c->sources };
	if (c->root && c->top)
		c->root = include_files(&args, c->root);
	return c->diag->n_errors > before ? -1 : 0;
}

int config_load(struct config *c, const char *file)
{
	struct arena scratch;
	sluice_str text;
	arena_init(&scratch, 0);
	int rc = file_read_kind(&scratch, file, LOAD_OR_PIPE, YAML_SIZE_MAX, &text);
	if (rc < 0)
		rc = diag_error(c->diag, &(struct mark){ .file = file }, "cannot read the file: %s",
			file_error(rc));
	else
		rc = config_load_text(c, file, source_folder(c->arena, file), text);
	arena_fini(&scratch);
	return rc;
}

const char *config_dir(const struct config *c, const struct node *n)
{
	return source_dir(c->sources, n, c->dir);
}

const char *config_path(const struct config *c, const struct node *n, sluice_str path)
{
	return source_path(c->arena, config_dir(c, n), path);
}

sluice_str config_address(const struct config *c, const struct node *n, sluice_str address)
{
	if (!str_starts(address, STR("unix:")) || address.len == 5)
		return address;
	return arena_printf(c->arena, "unix:%s",
		config_path(c, n, str_n(address.data + 5, address.len - 5)));
}

int config_read_file(const struct config *c, const struct node *n, sluice_str path, size_t max,
	sluice_str *out)
{
	return file_read(c->arena, config_path(c, n, path), max, out);
}
