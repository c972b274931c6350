/* Values of WWW-Authenticate (RFC 6750 section 3). */
#ifndef JWT_CHALLENGE_H
#define JWT_CHALLENGE_H

#include "conf.h"

/* Check the options that go into the challenges and write conf->challenges. 0, or -1 with errors
 * reported. */
int challenge_check(sluice_instance *inst, struct jwt_conf *conf);

#endif
