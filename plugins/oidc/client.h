/* Requests of ours to the provider: forms with the authentication of the client (RFC 6749 2.3.1).
 */
#ifndef OIDC_CLIENT_H
#define OIDC_CLIENT_H

#include <sluice/plugin.h>

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
/* A URL with the form behind it as its query, or the end of its query. */
sluice_str client_form_url(sluice_exchange *x, sluice_str url, const struct client_form *f);
/* The request that POSTs the form to that URL, as this client; all of it in memory of the exchange.
 * False: no memory. */
bool client_request(sluice_exchange *x, const struct oidc_conf *conf, sluice_str url,
	const struct client_form *f, sluice_fetch_request *out);
sluice_verdict client_post(sluice_exchange *x, const struct oidc_conf *conf, sluice_str url,
	const struct client_form *f, sluice_fetch_fn then);

#endif
