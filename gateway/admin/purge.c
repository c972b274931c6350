/* Removing stored responses. See the header. */
#include "admin/purge.h"

#include <sluice/plugin.h>

#include "http/query.h"
#include "store/cache.h"

enum { PURGE_VALUE = 8192 }; /* bytes of a value that are looked at */

/* A tag of that kind; false: it would be too long, or name is empty. */
static bool purge_tag(struct sluice_cache *c, const char *kind, sluice_str name, bool *found)
{
	char text[SLUICE_TAG_MAX];
	size_t n = strlen(kind);
	if (!name.len || n + name.len > sizeof(text))
		return false;
	memcpy(text, kind, n);
	memcpy(text + n, name.data, name.len);
	if (c)
		*found = cache_remove_tag(c, str_n(text, n + name.len)) || *found;
	return true;
}

/* The innermost folder of the path that has a tag. */
static bool purge_folder(struct sluice_cache *c, sluice_str path, bool *found)
{
	sluice_str folder, last = STR_NONE;
	for (size_t at = 0, n = 0; sluice_tag_folder(path, &at, &n, &folder);)
		last = folder;
	return purge_tag(c, SLUICE_TAG_PREFIX, last, found);
}

/* Remove by one parameter, or only look whether it is right: c is NULL. */
static bool purge_parameter(struct sluice_cache *c, sluice_str name, sluice_str value, bool *found)
{
	if (str_eq(name, STR("all")))
		return str_eq(value, STR("true")) && purge_folder(c, STR("/"), found);
	if (str_eq(name, STR("tag")))
		return purge_tag(c, SLUICE_TAG_NAME, value, found);
	if (!str_starts(value, STR("/")))
		return false;
	if (str_eq(name, STR("path")))
		return purge_tag(c, SLUICE_TAG_PATH, value, found) || purge_folder(c, value, found);
	return str_eq(name, STR("prefix")) && str_ends(value, STR("/")) &&
		purge_folder(c, value, found);
}

/* Go through all parameters but `cache`. False: *bad is one that is wrong. */
static bool purge_each(struct sluice_cache *c, sluice_str query, struct purge *out, sluice_str *bad)
{
	char text[PURGE_VALUE];
	out->asked = out->found = 0;
	while (query.len) {
		sluice_str value = str_cut(&query, '&'), whole = value, name = str_cut(&value, '=');
		bool found = false;
		if (str_eq(name, STR("cache")))
			continue;
		*bad = whole;
		if (value.len > sizeof(text))
			return false;
		size_t n = query_decode(value, QUERY_PLUS_IS_PLUS, text);
		if (!purge_parameter(c, name, str_n(text, n), &found))
			return false;
		out->asked++;
		out->found += found;
	}
	*bad = STR("tag, path, prefix or all is missing");
	return out->asked > 0;
}

enum purge_result purge_run(sluice_str query, struct purge *out, sluice_str *bad)
{
	char name[CACHE_NAME_MAX * 3];
	sluice_str rest = query, value;
	*bad = STR("cache is missing");
	if (!query_find(&rest, STR("cache"), &value))
		return PURGE_BAD_PARAMETER;
	*bad = value;
	if (value.len > sizeof(name))
		return PURGE_NO_CACHE;
	struct sluice_cache *c = cache_find(
		str_n(name, query_decode(value, QUERY_PLUS_IS_PLUS, name)));
	if (!c)
		return PURGE_NO_CACHE;
	if (!purge_each(NULL, query, out, bad) || !purge_each(c, query, out, bad))
		return PURGE_BAD_PARAMETER;
	return PURGE_DONE;
}
