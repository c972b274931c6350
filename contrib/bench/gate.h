/* What a program of load says to the one that started it, and waits for: so that several begin, and
 * end, at one moment. */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Say it; where it waits, go on with the next line of standard input, and end without one. */
static inline void gate(bool waits, const char *say)
{
	char line[64];
	(void)printf("%s\n", say);
	(void)fflush(stdout);
	if (waits && !fgets(line, sizeof(line), stdin))
		exit(0);
}

#endif
