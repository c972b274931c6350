/* The commands of the program. Each gets its own argument vector and returns the exit code. */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

#include "base/str.h"

enum { COMMAND_DIRS = 64 };

struct command {
	int argc; /* argv[0] is the command's name */
	char **argv;
	char **whole;                          /* that of the program */
	const char *file;                      /* -c FILE */
	const char *plugin_dirs[COMMAND_DIRS]; /* --plugin-dir, then the installed one */
	size_t n_plugin_dirs;
	const char *admin; /* --admin ADDRESS */
	bool json;         /* --json */
	int first;         /* index of the first argument that is not an option */
};

/* Read the options that all commands share. false: usage was printed. */
must_use bool command_options(struct command *c, bool needs_file);

struct module;

/* All plugins that can be loaded, by name. Those that cannot are reported on standard error. The
 * caller frees *out. */
size_t command_modules(struct command *c, const struct module ***out);

int command_run(struct command *c);
int command_check(struct command *c);
int command_explain(struct command *c);
int command_schema(struct command *c);
int command_plugins(struct command *c);
int command_plugin_test(struct command *c);
int command_new_plugin(struct command *c);
int command_token(struct command *c);
int command_reference(struct command *c);
/* one of status, reload, reopen, upgrade, drain, stop, by the command's name */
int command_ctl(struct command *c);
/* server list, drain, disable, enable, weight */
int command_server(struct command *c);
int command_version(struct command *c);

#endif
