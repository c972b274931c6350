/* Files of a configuration, and their folders. Main thread. */
#include "config/source.h"

#include <unistd.h>

const char *source_folder(struct arena *a, const char *file)
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

const char *source_dir(const struct config_source *all, const struct node *n, const char *none)
{
	for (; n && all; all = all->next) {
		if (all->file == n->file)
			return all->dir;
	}
	return none;
}

const char *source_path(struct arena *a, const char *dir, sluice_str path)
{
	if (str_starts(path, STR("/")))
		return arena_str(a, path).data;
	while (str_starts(path, STR("./")))
		path = str_n(path.data + 2, path.len - 2);
	return arena_printf(a, "%s%s%.*s", dir, strcmp(dir, "/") == 0 ? "" : "/", STR_ARG(path))
		.data;
}
