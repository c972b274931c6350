/* Where the operator keeps a shared secret: `env:NAME` or `file:PATH`, with `base64url:` or `jwks:`
 * before it where the text there is not the secret itself. Main thread. */
#ifndef OAUTH_SECRET_PLACE_H
#define OAUTH_SECRET_PLACE_H

#include "../jose/secret.h"

struct secret_place {
	enum secret_form form;
	bool is_variable; /* of the environment; else a file */
	sluice_str name;  /* borrowed: of the variable or the file */
};

/* False: the text, which stands behind `secret:`, names no place. */
bool secret_place_read(sluice_str text, struct secret_place *out);
/* What is written there, to be read by secret_read(); it lives as long as that of
 * sluice_read_file(). 0, or a negative errno: -ENOENT where there is no such variable. */
int secret_place_text(sluice_instance *inst, const struct secret_place *place, sluice_str *out);

#endif
