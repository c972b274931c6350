/* policy/module: which shared objects are plugins. */
#include "policy/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/host.h"
#include "unit.h"

static char folder[] = "/tmp/sluice-modules-XXXXXX";
static const char *const dirs_v[] = { folder, MODULES_DIR };
static const struct module_dirs dirs = { dirs_v, 2, &host_table };

TEST(good_one)
{
	char why[MODULE_WHY] = "";
	struct module *m = module_get(&dirs, STR("script"), why);
	if (!m)
		fail_msg("%s", why);
	assert_string_equal(m->record->name, "script");
	assert_ptr_equal(module_get(&dirs, STR("script"), why), m); /* once */
	void *so = dlopen(m->path, RTLD_NOW | RTLD_NOLOAD);
	assert_non_null(so);
	const sluice_host ***host = dlsym(so, "sluice_plugin_host");
	assert_ptr_equal(**host, &host_table); /* before anything of it runs */
	(void)dlclose(so);
}

/* A newer header's record and rows are longer; what is in them is read as far as it is known. */
TEST(one_of_a_newer_header_that_uses_nothing_new)
{
	char why[MODULE_WHY] = "";
	struct module *m = module_get(&dirs, STR("newer"), why);
	if (!m)
		fail_msg("%s", why);
	const sluice_option *o = m->record->options;
	assert_string_equal(o[0].name, "a");
	assert_null(o[1].name);
	assert_string_equal(o[0].sub[0].name, "b");
	assert_string_equal(o[0].sub[0].def, "7");
	assert_null(o[0].sub[1].name);
}

TEST(wrong_ones)
{
	static const struct {
		const char *name, *says;
	} v[] = {
		{ "wrong_abi", "ABI" },
		{ "wrong_short", "short" },
		{ "wrong_later", "newer header" },
		{ "wrong_name", "somebody_else" },
		{ "wrong_no_name", "\"\"" },
		{ "wrong_table", "option table" },
		{ "wrong_greedy", "bytes for each worker" },
		{ "wrong_record", "no Sluice plugin" },
	};
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
			char why[MODULE_WHY] = "";
			assert_null(module_get(&dirs, str_of(v[i].name), why));
			if (!strstr(why, v[i].says) || !strstr(why, v[i].name))
				fail_msg("%s: \"%s\"", v[i].name, why);
		}
	}
}

TEST(names)
{
	static const char *const v[] = { "", "../script", "Script", "script.so", "a/b", "a b",
		"\xc3\xa4" };
	char why[MODULE_WHY], large[65];
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_null(module_get(&dirs, str_of(v[i]), why));
		assert_non_null(strstr(why, "lower-case letters"));
	}
	memset(large, 'a', sizeof(large));
	assert_null(module_get(&dirs, str_n(large, 65), why));
	assert_non_null(strstr(why, "lower-case letters"));
	assert_null(module_get(&dirs, str_n(large, 64), why));
	assert_non_null(strstr(why, "no aaaa"));
}

TEST(not_there)
{
	const char *many[200];
	char why[MODULE_WHY];
	assert_null(module_get(&dirs, STR("nowhere"), why));
	assert_non_null(strstr(why, folder));
	assert_non_null(strstr(why, MODULES_DIR));
	assert_null(module_get(&(struct module_dirs){ NULL, 0, &host_table }, STR("nowhere"), why));
	for (int i = 0; i < 200; i++)
		many[i] = folder;
	/* more than there is room to say */
	assert_null(
		module_get(&(struct module_dirs){ many, 200, &host_table }, STR("nowhere"), why));
	assert_true(strlen(why) < MODULE_WHY);
}

static void put(const char *name, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	(void)fclose(f);
}

/* The first folder that has it decides, also when what it has is no good. */
TEST(order_of_folders)
{
	char why[MODULE_WHY], path[256];
	put("wrong_abi.so", "no shared object");
	assert_null(module_get(&dirs, STR("wrong_abi"), why));
	assert_null(strstr(why, "ABI"));
	assert_non_null(strstr(why, folder));
	(void)snprintf(path, sizeof(path), "%s/wrong_abi.so", folder);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/dir.so", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_null(module_get(&dirs, STR("dir"), why));
	assert_int_equal(rmdir(path), 0);
}

TEST(list)
{
	char **names, path[256];
	put("script.so", ""); /* in both: once */
	put("zebra.so", "");
	put("notes.txt", "");
	put("No-Name.so", "");
	put(".so", "");
	size_t n = module_names(&dirs, &names);
	assert_true(n >= 3);
	unsigned scripts = 0;
	for (size_t i = 0; i < n; i++) {
		scripts += strcmp(names[i], "script") == 0;
		assert_null(strchr(names[i], '.'));
		assert_true(i == 0 || strcmp(names[i - 1], names[i]) < 0);
	}
	assert_int_equal(scripts, 1);
	assert_string_equal(names[n - 1], "zebra");
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	static const char *const files[] = { "script.so", "zebra.so", "notes.txt", "No-Name.so",
		".so" };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		(void)unlink(path);
	}
	const char *nowhere[] = { "/no/such/folder" };
	assert_int_equal(module_names(&(struct module_dirs){ nowhere, 1, &host_table }, &names), 0);
	free(names);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

TEST_GROUP(setup, teardown);
