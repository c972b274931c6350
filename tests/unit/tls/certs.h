/* Certificates made while a test runs, as PEM files in a folder of its own. */
#ifndef TEST_CERTS_H
#define TEST_CERTS_H

#include <stdbool.h>

enum cert_key { CERT_EC, CERT_RSA, CERT_ED25519 };

struct cert_wish {
	const char *file; /* stem: STEM.crt and STEM.key are written */
	const char *name; /* common name; NULL: none */
	const char *alt;  /* as in openssl.cnf: "DNS:a,IP:127.0.0.1"; NULL: no subjectAltName */
	enum cert_key key;
	long from, to;      /* seconds from now; both 0: valid for a day */
	const char *issuer; /* stem of the signer; NULL: signs itself */
	bool is_ca;
	const char *password; /* of the key's file */
};

/* Make the folder, of this process; remove it with all files. */
const char *certs_dir(void);
void certs_fini(void);
void cert_make(const struct cert_wish *w);
/* dir/name, valid until the next but three. */
const char *cert_path(const char *name);
/* Write text into a file of the folder. */
void cert_text(const char *name, const char *text);

#endif
