/*
 * What the challenges of an instance say (RFC 6750 3, RFC 9728 5.1, RFC 9470 3, RFC 9449 7.1): one
 * for each scheme by which it takes tokens, and one more for each reason and scheme, which has the
 * error. Which parameters go with which error is a table in challenge.c.
 */
#ifndef JWT_CHALLENGE_H
#define JWT_CHALLENGE_H

#include "conf.h"

/* After the checks of all options that challenges tell of: check these, and write conf->challenges.
 * 0, or -1 with errors reported. */
int challenge_check(sluice_instance *inst, struct jwt_conf *conf);

/* Worker: set WWW-Authenticate of the refusal, one field for each scheme. That of the scheme by
 * which the token came has the error. None where neither the status nor an error asks for one. */
void challenge_tell(sluice_exchange *x, const struct jwt_conf *conf, enum reason why);

#endif
