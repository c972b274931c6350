/*
 * The commands that talk to a running gateway: ctl.c finds its admin address and chooses the exit
 * code, ctl_ask.c moves the bytes, ctl_print.c makes JSON readable. One thread, blocking, every
 * wait bounded.
 */
#ifndef APP_CTL_H
#define APP_CTL_H

#include <stdio.h>

#include "base/addr.h"
#include "base/arena.h"

enum { CTL_BODY_MAX = 16 << 20, CTL_WHY = 256, CTL_PATH_MAX = 2048 };

/* What a command asks of a gateway, and how the answer is shown. */
struct ctl_action {
	const char *name, *method, *path;
	bool (*print)(FILE *to, sluice_str body);
};

struct ctl_reply {
	int status;
	sluice_str body; /* in the arena, NUL-terminated */
};

/* Send a request without a body. False: no gateway answered there, and why (CTL_WHY bytes) has the
 * reason. */
must_use bool ctl_ask(struct arena *a, const struct addr *to, const char *method, const char *path,
	struct ctl_reply *out, char *why);

/* Print the answer of /status or of another command. false: the document is not of that kind. */
must_use bool ctl_print_status(FILE *to, sluice_str body);
must_use bool ctl_print_done(FILE *to, sluice_str body);
must_use bool ctl_print_servers(FILE *to, sluice_str body);
/* Print a problem document: its detail, or else its title. */
void ctl_print_problem(FILE *to, sluice_str body);

/* ctl_server.c: what `sluice server WORD...` asks; path has room for CTL_PATH_MAX bytes. False: the
 * words are wrong, and usage was printed. */
must_use bool ctl_server(char *const *words, int n, char *path, struct ctl_action *out);

#endif
