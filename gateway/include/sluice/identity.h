/*
 * Identities: what a plugin that authenticates clients tells the gateway. Part of sluice/plugin.h.
 *
 * Several such plugins may stand on one route, alternatives of each other in `any-of`. There the
 * gateway needs to know which of them found no credentials at all, and what of the request is a
 * plugin's own word, so that it can be taken from requests for which the plugin does not speak.
 */
#ifndef SLUICE_IDENTITY_H
#define SLUICE_IDENTITY_H

#include <sluice/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In on_request, or the callback of a wait that it began: the request is by that identity. Sets the
 * facts `consumer`, `groups` and, for each pair of who->facts, `consumer:NAME`, in the place of
 * those of an identity that another plugin found before. Where the file's `consumers` block ties
 * the identity to a consumer, the fact `consumer` is the consumer's name, and the consumer's groups
 * and facts are added; its facts take precedence. An identity with the name of a consumer that is
 * not tied to that consumer becomes INSTANCE:NAME. The texts are copied. False: there is no memory
 * for them, so that the hook should return SLUICE_FAIL, or the call is refused, as one without a
 * name is. A plugin that calls it has "consumer", "groups" and "consumer:" in `provides`. */
static inline bool sluice_identify(sluice_exchange *x, const sluice_identity *who)
{
	return sluice_host_table->identify(x, who);
}
/* Before a hook of the request refuses: the request has no credentials of the kind that the plugin
 * reads, or the plugin judges no credentials at all. In `any-of` the refusal of a plugin that has
 * judged credentials takes precedence over those of plugins that found none, and of these, one that
 * asks for credentials over one that does not. */
static inline void sluice_credentials_absent(sluice_exchange *x)
{
	sluice_host_table->credentials_absent(x);
}
/* Before a hook of the request admits, by a plugin that reads credentials in several places: those
 * by which it does are there (kind: SLUICE_OWN_CREDENTIAL_*). What else it reads may be there
 * unverified, and `any-of` removes it where another plugin would read it as well. */
static inline void sluice_credentials_used(sluice_exchange *x, sluice_own_kind kind,
	sluice_str name)
{
	sluice_host_table->credentials_used(x, (int)kind, name);
}
/* In check(): a part of requests belongs to the plugin. Its word (SLUICE_OWN_WORD) is a field that
 * it alone writes and that upstreams take for true: `any-of` removes the field from every request
 * before its plugins run, since some of them may not run at all. Elsewhere the plugin has to remove
 * what the client sent. Credentials are where the plugin reads them: `any-of` removes those that
 * the request was not admitted by, so that no upstream takes them for verified. A field that
 * plugins may not remove is reported as a mistake of the configuration. */
static inline void sluice_own(sluice_instance *inst, sluice_own_kind kind, sluice_str name)
{
	sluice_host_table->own(inst, (int)kind, name);
}

#ifdef __cplusplus
}
#endif

#endif
