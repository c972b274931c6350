#include "certs.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"

static char dir[64];

const char *certs_dir(void)
{
	if (!dir[0]) {
		(void)snprintf(dir, sizeof(dir), "/tmp/sluice-tls-XXXXXX");
		check(mkdtemp(dir), "no folder for certificates: %s", dir);
	}
	return dir;
}

void certs_fini(void)
{
	DIR *d = dir[0] ? opendir(dir) : NULL;
	struct dirent *e;
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			(void)unlink(cert_path(e->d_name));
	if (d)
		(void)closedir(d);
	if (dir[0])
		(void)rmdir(dir);
	dir[0] = '\0';
}

const char *cert_path(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *p = paths[next++ % 4];
	(void)snprintf(p, sizeof(paths[0]), "%s/%s", certs_dir(), name);
	return p;
}

void cert_text(const char *name, const char *text)
{
	FILE *f = fopen(cert_path(name), "w");
	check(f && fputs(text, f) >= 0 && fclose(f) == 0, "cannot write %s", name);
}

static FILE *open_pem(const char *stem, const char *suffix, const char *mode)
{
	char name[128];
	(void)snprintf(name, sizeof(name), "%s.%s", stem, suffix);
	FILE *f = fopen(cert_path(name), mode);
	/* as a private key should be */
	check(f && fchmod(fileno(f), 0600) == 0, "cannot open %s", name);
	return f;
}

static EVP_PKEY *make_key(enum cert_key kind)
{
	switch (kind) {
	case CERT_RSA:
		return EVP_RSA_gen(2048);
	case CERT_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case CERT_EC:
		break;
	}
	return EVP_EC_gen("P-256");
}

static void add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX v;
	X509V3_set_ctx(&v, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v, nid, value);
	check(e && X509_add_ext(x, e, -1), "extension %s", value);
	X509_EXTENSION_free(e);
}

void cert_make(const struct cert_wish *w)
{
	static long serial;
	EVP_PKEY *key = make_key(w->key), *signer = key;
	X509 *x = X509_new(), *issuer = x;
	FILE *f;
	check(key && x, "out of memory: %s", w->file);
	X509_NAME *name = X509_get_subject_name(x);
	if (w->name)
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)w->name,
			-1, -1, 0);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial + 1000L * getpid());
	X509_gmtime_adj(X509_getm_notBefore(x), w->from || w->to ? w->from : -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), w->from || w->to ? w->to : 86400);
	X509_set_pubkey(x, key);
	if (w->issuer) {
		f = open_pem(w->issuer, "crt", "r");
		issuer = PEM_read_X509(f, NULL, NULL, NULL);
		(void)fclose(f);
		f = open_pem(w->issuer, "key", "r");
		signer = PEM_read_PrivateKey(f, NULL, NULL, NULL);
		(void)fclose(f);
	}
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	if (w->alt)
		add_extension(x, NID_subject_alt_name, w->alt);
	if (w->is_ca)
		add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
	check(X509_sign(x, signer, w->key == CERT_ED25519 && !w->issuer ? NULL : EVP_sha256()),
		"cannot sign %s", w->file);
	f = open_pem(w->file, "crt", "w");
	PEM_write_X509(f, x);
	(void)fclose(f);
	f = open_pem(w->file, "key", "w");
	PEM_write_PrivateKey(f, key, w->password ? EVP_aes_128_cbc() : NULL,
		(const unsigned char *)w->password, w->password ? (int)strlen(w->password) : 0,
		NULL, NULL);
	(void)fclose(f);
	if (issuer != x)
		X509_free(issuer);
	if (signer != key)
		EVP_PKEY_free(signer);
	X509_free(x);
	EVP_PKEY_free(key);
}
