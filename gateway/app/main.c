/* The program: which command, with which options. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/command.h"

static const struct {
	const char *name;
	int (*run)(struct command *c);
	const char *usage, *help;
} commands[] = {
	{ "run", command_run, "-c FILE", "start in the foreground" },
	{ "check", command_check, "-c FILE", "validate a configuration: exit 0, or 1 with every mistake" },
	{ "schema", command_schema, "", "the JSON Schema of the configuration, plugins included" },
	{ "plugins", command_plugins, "[NAME]", "what is installed, and the options of one" },
	{ "token", command_token, "mint|inspect|jwks ...", "tokens for demos and tests" },
	{ "version", command_version, "", "which version this is" },
};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int usage(FILE *to, int code)
{
	(void)fprintf(to, "usage: sluice COMMAND [OPTION]...\n\n");
	for (int i = 0; i < N_COMMANDS; i++)
		(void)fprintf(to, "  sluice %-8s %-22s %s\n", commands[i].name, commands[i].usage, commands[i].help);
	(void)fprintf(to, "\n  --plugin-dir DIR    look for plugins there first (may be given several times)\n");
	return code;
}

int main(int argc, char **argv)
{
	struct command c = { 0 };
	if (argc < 2)
		return usage(stderr, 2);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
		return usage(stdout, 0);
	if (strcmp(argv[1], "--version") == 0)
		return command_version(&c);
	for (int i = 0; i < N_COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		c.argc = argc - 1;
		c.argv = argv + 1;
		return commands[i].run(&c);
	}
	(void)fprintf(stderr, "sluice: there is no command \"%s\"\n", argv[1]);
	return usage(stderr, 2);
}
