/* sluice plugin-test: starts sluice-plugin-test, which is a program of its own because it has
 * stand-ins in the place of the gateway's clients of HTTP and Redis. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "app/beside.h"
#include "app/command.h"

int command_plugin_test(struct command *c)
{
	static char name[] = "sluice-plugin-test";
	char path[BESIDE_PATH];
	c->argv[0] = name;
	if (beside_program(path, name))
		(void)execv(path, c->argv);
	(void)execvp(name, c->argv);
	(void)fprintf(stderr, "sluice plugin-test: %s cannot be started: %s\n", name,
		strerror(errno));
	return 2;
}
