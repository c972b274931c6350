/* The credentials of a request: the field Authorization with the scheme Basic (RFC 7617). */
#ifndef PLUGINS_BASIC_AUTH_CREDENTIALS_H
#define PLUGINS_BASIC_AUTH_CREDENTIALS_H

#include <sluice/str.h>

enum credentials_found {
	CREDENTIALS_GOOD, /* they can be read; nothing is known about the password */
	CREDENTIALS_NONE, /* no field, or one with another scheme */
	CREDENTIALS_MALFORMED
};

/* bytes of a name and of a password; longer ones are malformed */
enum { USER_MAX = 255, PASSWORD_MAX = 511, CREDENTIALS_MAX = USER_MAX + 1 + PASSWORD_MAX };

struct credentials {
	sluice_str user, password; /* in text; the password ends there with a NUL */
	char text[CREDENTIALS_MAX + 1];
};

/* Read the value of the field. On anything but CREDENTIALS_GOOD, out holds nothing of use. Wipe it
 * in any case. */
enum credentials_found credentials_read(sluice_str value, struct credentials *out);

#endif
