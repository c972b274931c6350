/* The commands of `sluice token` that look at a token. Main thread; nothing of a signature is
 * printed. */
#ifndef APP_TOKEN_H
#define APP_TOKEN_H

#include "app/command.h"

enum { TOKEN_BYTES = 128 * 1024 }; /* of a token that is looked at */

/* Exit status of these commands. */
enum token_exit {
	TOKEN_ADMITTED = 0, /* inspect: it can be read */
	TOKEN_REFUSED = 1,  /* inspect: it is no JWT */
	TOKEN_USAGE = 2,    /* wrong usage, or mistakes in the configuration */
	TOKEN_UNKNOWN = 3,  /* nobody can tell: keys are missing, or no plugin judges tokens */
};

/*
 * The token that the command line gives: arg, or where that is NULL or "-" what stands on standard
 * input, without blanks around it and without `Bearer`. A token in the arguments is shown by ps to
 * everybody: standard error says so. In memory that lives as long as the process. data NULL: there
 * is none, or more than TOKEN_BYTES.
 */
sluice_str token_given(const char *arg);

/* argv[0] is the command's second word. */
int token_inspect(int argc, char **argv);
int token_verify(struct command *c, int argc, char **argv);

#endif
