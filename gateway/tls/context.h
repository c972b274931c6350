/*
 * What the contexts of both sides have in common: how they are set up, certificates and keys from
 * files, and complaints about them. Only for tls/; main thread.
 */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "base/load.h"
#include "tls/conf.h"

struct complaints {
	tls_report_fn fn; /* may be NULL */
	void *ctx;
	unsigned n_errors;
};

/* index: see tls_report_fn. A trailing reason of OpenSSL comes from openssl_reason(). */
__attribute__((format(printf, 4, 5))) void complain(struct complaints *c, int index,
	const char *option, const char *fmt, ...);
__attribute__((format(printf, 4, 5))) void complain_mildly(struct complaints *c, int index,
	const char *option, const char *fmt, ...);
/* The reason of the first error in OpenSSL's queue, which is then empty. Constant. */
const char *openssl_reason(void);

/* Protocol versions, what is switched off, how records are handled. Aborts when memory is short. */
SSL_CTX *context_new(OSSL_LIB_CTX *lib, const SSL_METHOD *method, int min_version);
/* protocols as the wire format of ALPN; 0 when one is empty or longer than 255 bytes, or all are
 * longer than cap. */
size_t alpn_wire(const char *const *protocols, unsigned char *out, size_t cap);

/* The texts of a certificate's and a key's file. */
struct pem {
	struct loaded certificate, key;          /* owned; key.data NULL: with the certificate */
	const char *certificate_path, *key_path; /* owned: absolute if dir was given */
};
/* False when a file cannot be read. Warns of a private key that others can read. */
must_use bool pem_read(struct pem *p, const char *dir, sluice_str certificate, sluice_str key,
	struct complaints *c, int index);
void pem_free(struct pem *p);
/* dir/path, or path when that is absolute or dir is NULL. Free it. */
char *path_in(const char *dir, sluice_str path);

/* The same, parsed for one library context. */
struct certificate {
	X509 *leaf;             /* owned */
	STACK_OF(X509) * chain; /* owned */
	EVP_PKEY *key;          /* owned */
};
/* False when they are not what they should be, or do not belong together. */
must_use bool certificate_parse(struct certificate *cert, const struct pem *p, OSSL_LIB_CTX *lib,
	struct complaints *c, int index);
/* Warns of one that is not valid now. */
void certificate_check_dates(const struct certificate *cert, const struct pem *p,
	struct complaints *c, int index);
/* Seconds since 1970 at which it is valid no more. */
int64_t certificate_expires(const struct certificate *cert);
void certificate_free(struct certificate *cert);
/* Show it: false when the library refuses it (a key too short for its security level). */
must_use bool certificate_use(const struct certificate *cert, SSL_CTX *ctx);

#endif
