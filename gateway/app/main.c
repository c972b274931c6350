/* The program: finds the command and calls it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/command.h"

#define CTL_USAGE "-c FILE | --admin ADDRESS"
#define CTL_ABOUT                                                                                  \
	"  -c FILE           its configuration, which names the admin address; the file may have " \
	"mistakes\n"                                                                               \
	"  --admin ADDRESS   that address: 127.0.0.1:9180 or unix:PATH\n"                          \
	"  --json            what it answers, as it is\n"                                          \
	"\nExit status: 0 done; 1 refused; 2 wrong usage; 3 no gateway there.\n"
#define DIR_ABOUT "  --plugin-dir DIR  look for plugins there first; may be given several times\n"

static const struct {
	const char *name;
	int (*run)(struct command *c);
	const char *usage;
	const char *help;  /* NULL: not listed */
	const char *about; /* its options and other remarks; NULL: none */
} commands[] = {
	{ "run", command_run, "-c FILE [--plugin-dir DIR]...", "start in the foreground",
		"  -c FILE           the configuration\n" DIR_ABOUT
		"\nLogs to standard error. HUP reloads the configuration, TERM and INT end it once "
		"the requests under way are\n"
		"done (a second one at once), QUIT ends it at once, USR1 opens log files "
		"again,\nUSR2 has a new process of the program take its place.\n" },
	{ "check", command_check, "-c FILE [--json] [--plugin-dir DIR]...",
		"find every mistake in a configuration",
		"  -c FILE           the configuration\n"
		"  --json            mistakes as JSON, on standard output\n" DIR_ABOUT
		"\nExit status: 0 when it can be run; 1 with its mistakes on standard error; 2 "
		"wrong usage.\n" },
	{ "explain", command_explain, "-c FILE METHOD URL [-H 'Name: value']... [OPTION]...",
		"how a configuration takes a request, and why",
		"  -c FILE           the configuration\n"
		"  -H 'Name: value'  a header field of the request; may be given several times\n"
		"  --listener NAME   at which the request arrives, where the URL's port does not "
		"say "
		"it\n"
		"  --client ADDRESS  whom the request comes from, for routes that ask for it\n"
		"  --all             all routes that do not take it, however many\n"
		"  --json            all of it as JSON\n" DIR_ABOUT
		"\nSays which listener and route take it, why each other route does not, the "
		"plugins "
		"in their order, and the upstream.\nNothing is connected to, and of plugins only "
		"their check of options runs. Facts that a plugin would state are not known.\n"
		"\nExit status: 0 a route takes it; 1 it is refused; 2 wrong usage, or mistakes in "
		"the "
		"configuration.\n" },
	{ "schema", command_schema, "[--plugin-dir DIR]...",
		"the JSON Schema of the configuration, plugins included", DIR_ABOUT },
	{ "plugins", command_plugins, "[NAME] [--plugin-dir DIR]...",
		"what is installed, and the options of one", DIR_ABOUT },
	{ "plugin-test", command_plugin_test, "FILE.so SCRIPT.yaml... [OPTION]...",
		"try a plugin without a gateway, by scripted requests",
		"  --list            names of the cases\n"
		"  --only NAME       that case alone\n"
		"  --verbose         what came of every case\n"
		"  --no-variations   each case once, as the script says\n"
		"  --variations LIST some of splits,delays,drops,memory,slow\n"
		"  --seconds N       how long a run may take, 20 if not said\n" DIR_ABOUT
		"\nExit status: 0 all cases are good; 1 some are not; 2 wrong usage, or mistakes "
		"in "
		"a script.\n" },
	{ "new-plugin", command_new_plugin, "NAME [DIR] [--template DIR]",
		"begin a plugin of your own from the template",
		"  DIR               where, instead of a new folder of that name\n"
		"  --template DIR    another template than the installed one\n" },
	{ "status", command_ctl, CTL_USAGE " [--json]", "how a running gateway is", CTL_ABOUT },
	{ "reload", command_ctl, CTL_USAGE " [--json]", "have it load its configuration again",
		CTL_ABOUT "\nReturns when every worker uses the new configuration. Mistakes are "
			  "shown, and change nothing.\n" },
	{ "reopen", command_ctl, CTL_USAGE " [--json]", "have it open its log files again",
		CTL_ABOUT "\nThe same as USR1: after log files were moved away.\n" },
	{ "upgrade", command_ctl, CTL_USAGE " [--json]",
		"have a new process of the program take its place",
		CTL_ABOUT
		"\nThe same as USR2. Returns when the new process serves, and the old one "
		"finishes the requests under way;\nor when it could not start, and nothing "
		"has changed.\n" },
	{ "drain", command_ctl, CTL_USAGE " [--json]",
		"have it finish the requests under way, then end",
		CTL_ABOUT "\nThe same as TERM. Returns at once; runtime.shutdown_grace bounds how "
			  "long it takes.\n" },
	{ "stop", command_ctl, CTL_USAGE " [--json]", "have it end at once",
		CTL_ABOUT "\nThe same as QUIT: requests under way are cut off. To let them finish, "
			  "use drain.\n" },
	{ "server", command_server,
		CTL_USAGE
		" [--json] list | drain|disable|enable UPSTREAM ADDRESS | weight N UPSTREAM "
		"ADDRESS",
		"have it send a server no requests, or more of them, or fewer",
		CTL_ABOUT
		"\n"
		"  list      how each server is\n"
		"  drain     no new requests; clients that stick to it may stay\n"
		"  disable   no new requests at all, and no checks\n"
		"  enable    requests again\n"
		"  weight    N is 0 to 100, or `file` for the weight that the file has\n"
		"\nUPSTREAM and ADDRESS are as `list` shows them. Requests under way finish. "
		"It holds\nuntil it is set anew, over reloads too, and is forgotten when the "
		"gateway ends.\n" },
	{ "token", command_token, "mint|inspect|verify|jwks ...",
		"make tokens, look at them, and see how a route judges them",
		"  mint --key FILE [--sub S] [--iss I] [--aud A] [--scope 'S ...'] [--expires "
		"SECONDS]\n"
		"       [--claim NAME=VALUE]... [--kid K]\n"
		"                    sign a token for demos and tests\n"
		"  inspect [--json] [TOKEN|-]\n"
		"                    what it says; nothing is verified\n"
		"  verify -c FILE [--jwks FILE] [--json] [--plugin-dir DIR]... ROUTE [TOKEN|-]\n"
		"                    how the plugins of the route judge it, rule by rule. They "
		"fetch their keys as in a\n"
		"                    gateway, or take those of --jwks. Nothing listens.\n"
		"  jwks --key FILE [--kid K]\n"
		"                    the key set that verifies what FILE signs\n"
		"\nTokens are read from standard input; one among the arguments is seen by all who "
		"may list processes.\n"
		"\nExit status: 0 admitted, or it can be read; 1 refused, or it is no JWT; 2 wrong "
		"usage, or mistakes in the\nconfiguration; 3 it cannot be judged.\n" },
	{ "version", command_version, "", "which version this is (also -V, --version)", NULL },
	{ "reference", command_reference, "--man|--markdown [--plugin-dir DIR]...", NULL,
		DIR_ABOUT },
};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int usage(FILE *to, int code)
{
	(void)fprintf(to, "usage: sluice COMMAND [OPTION]...\n\n");
	for (int i = 0; i < N_COMMANDS; i++) {
		if (commands[i].help)
			(void)fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
	}
	(void)fprintf(to, "  %-12s %s\n", "help",
		"this list (also -h, --help), or the options of one: sluice help COMMAND");
	return code;
}

/* Index of a command; -1, and a message, when there is none. */
static int find(const char *name)
{
	for (int i = 0; i < N_COMMANDS; i++) {
		if (strcmp(name, commands[i].name) == 0)
			return i;
	}
	(void)fprintf(stderr, "sluice: there is no command \"%s\"\n", name);
	return -1;
}

static int help(const char *name)
{
	int i = find(name);
	if (i < 0)
		return usage(stderr, 2);
	(void)printf("usage: sluice %s %s\n", commands[i].name, commands[i].usage);
	if (commands[i].help)
		(void)printf("\n%s\n", commands[i].help);
	if (commands[i].about)
		(void)printf("\n%s", commands[i].about);
	return 0;
}

static bool is_help(const char *arg)
{
	return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

int main(int argc, char **argv)
{
	struct command c = { 0 };
	if (argc < 2)
		return usage(stderr, 2);
	if (is_help(argv[1]) || strcmp(argv[1], "help") == 0)
		return argc > 2 ? help(argv[2]) : usage(stdout, 0);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return command_version(&c);
	if (argc > 2 && is_help(argv[2]))
		return help(argv[1]);
	int i = find(argv[1]);
	if (i < 0)
		return usage(stderr, 2);
	c.argc = argc - 1;
	c.argv = argv + 1;
	c.whole = argv;
	return commands[i].run(&c);
}
