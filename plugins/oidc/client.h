/* Requests of ours to the provider: forms with the authentication of the client (RFC 6749 2.3.1). */
#ifndef OIDC_CLIENT_H
#define OIDC_CLIENT_H

#include "conf.h"

enum { CLIENT_FIELDS = 24 };

/* Fields of a form; those without data are left out. */
struct client_form {
	sluice_pair v[CLIENT_FIELDS];
	size_t n;
};

void client_add(struct client_form *f, sluice_str name, sluice_str value);
/* The form as text behind `before`, in memory of the exchange. data NULL: no memory. */
sluice_str client_form_text(sluice_exchange *x, sluice_str before, const struct client_form *f);
/* POST the form to that URL, as this client. */
sluice_verdict client_post(sluice_exchange *x, const struct oidc_conf *conf, sluice_str url,
	struct client_form *f, sluice_fetch_fn then);

/* In check(): a complete request for a form that is posted without an exchange is made of these: the
 * value of the field Authorization; data NULL: there is none. */
sluice_str client_credentials(sluice_instance *inst, const struct oidc_conf *conf);

#endif
