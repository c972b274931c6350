/* Access tokens that the issuer has encrypted for this gateway: a token that it signed is inside.
 */
#ifndef JWT_ENCRYPTED_H
#define JWT_ENCRYPTED_H

#include "conf.h"

/* Main thread, in check(): read the option decryption_keys. 0, or -1 with the mistake reported. */
int encrypted_check(sluice_instance *inst, struct jwt_conf *conf);
void encrypted_stop(struct jwt_conf *conf); /* also when the check failed */

/* Worker: the text to be verified, which is the token itself where it is not encrypted, or the
 * instance decrypts none. Lives as long as the exchange. */
enum reason encrypted_open(sluice_exchange *x, sluice_str token, sluice_str *text);

#endif
