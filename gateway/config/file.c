/* Configuration files. Main thread. */
#include "config/file.h"

#include <errno.h>
#include <unistd.h>

#include "base/load.h"
#include "config/yaml.h"

void config_init(struct config *c, struct arena *a, struct diag *d)
{
	*c = (struct config){ .arena = a,
		.diag = d,
		.env = &env_process,
		.file = "configuration",
		.dir = "/" };
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

/* The folder of a file, absolute. */
static const char *folder_of(struct arena *a, const char *file)
{
	char cwd[4096];
	const char *slash = strrchr(file, '/');
	int n = slash == file ? 1 : slash ? (int)(slash - file) : 0;

	if (*file == '/')
		return arena_printf(a, "%.*s", n, file).data;
	if (!getcwd(cwd, sizeof(cwd)))
		return arena_printf(a, "%.*s", n ? n : 1, n ? file : ".").data;
	return arena_printf(a, "%s%s%.*s", cwd, n ? "/" : "", n, file).data;
}

int config_load_text(struct config *c, const char *file, const char *dir, sluice_str text)
{
	unsigned before = c->diag->n_errors;
	c->file = arena_str(c->arena, str_of(file)).data;
	c->dir = arena_str(c->arena, str_of(dir)).data;
	c->root = yaml_parse(c->arena, c->diag, c->env, file, text);
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
		rc = config_load_text(c, file, folder_of(c->arena, file), text);
	arena_fini(&scratch);
	return rc;
}

const char *config_path(const struct config *c, sluice_str path)
{
	if (str_starts(path, STR("/")))
		return arena_str(c->arena, path).data;
	while (str_starts(path, STR("./")))
		path = str_n(path.data + 2, path.len - 2);
	return arena_printf(c->arena, "%s%s%.*s", c->dir, strcmp(c->dir, "/") == 0 ? "" : "/",
		STR_ARG(path))
		.data;
}

sluice_str config_address(const struct config *c, sluice_str address)
{
	if (!str_starts(address, STR("unix:")) || address.len == 5)
		return address;
	return arena_printf(c->arena, "unix:%s",
		config_path(c, str_n(address.data + 5, address.len - 5)));
}

int config_read_file(const struct config *c, sluice_str path, size_t max, sluice_str *out)
{
	return file_read(c->arena, config_path(c, path), max, out);
}
