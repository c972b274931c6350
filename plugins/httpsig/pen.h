/*
 * Making signatures. A signer is what the configuration has, immutable; a pen is one thread's own
 * way to use it, prepared once, so that threads share no lock.
 */
#ifndef HTTPSIG_PEN_H
#define HTTPSIG_PEN_H

#include "input.h"
#include "sig_key.h"

struct sig_signer;
struct sig_pen;

/* A shared secret as for sig_key_secret(), or a private key in PEM without a passphrase. *alg as
 * there. NULL, and *why has the rest of a sentence. Main thread. */
struct sig_signer *signer_read_secret(sluice_str text, enum sig_alg *alg, const char **why);
struct sig_signer *signer_read_private(sluice_str pem, enum sig_alg *alg, const char **why);
void signer_drop(struct sig_signer *s); /* NULL is allowed */

/* s lives as long as the pen. NULL: there is no memory, or OpenSSL refuses. */
struct sig_pen *pen_new(const struct sig_signer *s);
void pen_free(struct sig_pen *p); /* NULL is allowed */
/* Sign; out has room for INPUT_SIGNATURE_MAX bytes. False: OpenSSL refuses. */
bool pen_sign(struct sig_pen *p, sluice_str base, uint8_t *out, size_t *n);

#endif
