/*
 * The common part of contexts for both sides: settings, certificates and keys from files, and
 * reports of mistakes in them. Only for tls/; main thread.
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

/* A context with protocol versions, disabled features and the handling of records set. Aborts when
 * memory is short. */
SSL_CTX *context_new(OSSL_LIB_CTX *lib, const SSL_METHOD *method, int min_version);
/* Write protocols in the wire format of ALPN. 0: one is empty or longer than 255 bytes, or cap is
 * too small. */
size_t alpn_wire(const char *const *protocols, unsigned char *out, size_t cap);

/* The contents of the files of a certificate and its key. */
struct pem {
	/* owned; key.data NULL: the key is in the certificate's file */
	struct loaded certificate, key;
	const char *certificate_path, *key_path; /* owned: absolute if dir was given */
};
/* False when a file cannot be read. Warns of a private key that others can read. */
must_use bool pem_read(struct pem *p, const char *dir, sluice_str certificate, sluice_str key,
	struct complaints *c, int index);
void pem_free(struct pem *p);
/* dir/path, or path when that is absolute or dir is NULL. Free it. */
char *path_in(const char *dir, sluice_str path);

/* Add the authorities and revocation lists of a file in PEM to the store. A file without any is a
 * mistake in the option. */
void authorities_load(X509_STORE *store, const char *dir, sluice_str file, const char *option,
	struct complaints *c);

/* Whether there is a revocation list among them. */
bool authorities_revoke(X509_STORE *store);
/* Hash a part, with its length; and all certificates and revocation lists of a store. */
void hash_part(EVP_MD_CTX *md, const void *p, size_t len);
void authorities_hash(EVP_MD_CTX *md, X509_STORE *store);

/* A certificate and its key, parsed for one library context. */
struct certificate {
	X509 *leaf;             /* owned */
	STACK_OF(X509) * chain; /* owned */
	EVP_PKEY *key;          /* owned */
};
/* False when they cannot be parsed or do not belong together. */
must_use bool certificate_parse(struct certificate *cert, const struct pem *p, OSSL_LIB_CTX *lib,
	struct complaints *c, int index);
/* Warns when the certificate is not valid at present. */
void certificate_check_dates(const struct certificate *cert, const struct pem *p,
	struct complaints *c, int index);
/* End of its validity, in seconds since 1970. */
int64_t certificate_expires(const struct certificate *cert);
void certificate_free(struct certificate *cert);
/* Use it in a context. False when the library refuses it, for example a key too short for its
 * security level. */
must_use bool certificate_use(const struct certificate *cert, SSL_CTX *ctx);

#endif
