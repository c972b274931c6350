/* The tables of TLS options. Constants only. */
#include "tls/conf.h"

static const char *const tls_version_choices[] = { [TLS_1_2] = "1.2", [TLS_1_3] = "1.3", NULL };

static const char *const client_choices
	[] = { [TLS_CLIENT_REQUIRED] = "required", [TLS_CLIENT_OPTIONAL] = "optional", NULL };

/* forward secrecy and authenticated encryption only */
#define CIPHERS_12                                                   \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

static const sluice_option certificate_rows[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct tls_certificate_conf, certificate,
		.flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR,
		.doc = "PEM file of the certificate, followed by those of its issuers"),
	SLUICE_OPTION(SLUICE_T_STR, struct tls_certificate_conf, private_key,
		.doc = "PEM file of the private key, without a password; left out: the "
		       "certificate's file has it"),
	SLUICE_OPTIONS_END,
};

const sluice_option tls_server_options[] = {
	SLUICE_OPTION(SLUICE_T_LIST, struct tls_server_conf, certificates,
		.flags = SLUICE_F_REQUIRED | SLUICE_F_NEW, .min = "1", .sub = certificate_rows,
		.sub_size = sizeof(struct tls_certificate_conf),
		.doc = "certificates, chosen by SNI and the names in them; the first one serves "
		       "names that no certificate has"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct tls_server_conf, min_version, .def = "1.2",
		.flags = SLUICE_F_NEW, .choices = tls_version_choices,
		.doc = "oldest TLS version that is accepted"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct tls_server_conf, max_version, .def = "1.3",
		.flags = SLUICE_F_NEW, .choices = tls_version_choices,
		.doc = "newest TLS version that is accepted"),
	SLUICE_OPTION(SLUICE_T_STR, struct tls_server_conf, ciphers, .def = CIPHERS_12,
		.flags = SLUICE_F_NEW,
		.doc = "cipher suites of TLS 1.2, as an OpenSSL cipher list"),
	SLUICE_OPTION(SLUICE_T_STR, struct tls_server_conf, ciphersuites, .flags = SLUICE_F_NEW,
		.doc = "cipher suites of TLS 1.3, separated by colons; left out: those of the TLS "
		       "library"),
	SLUICE_OPTION(SLUICE_T_STR, struct tls_server_conf, curves, .flags = SLUICE_F_NEW,
		.doc = "groups for the key exchange, separated by colons; left out: those of the "
		       "TLS library"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct tls_server_conf, session_tickets, .def = "true",
		.flags = SLUICE_F_NEW, .doc = "whether clients may resume sessions by tickets"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct tls_server_conf, session_timeout, .def = "1h",
		.min = "1m", .max = "12h", .flags = SLUICE_F_NEW,
		.doc = "how long a session may be resumed"),
	SLUICE_OPTION(SLUICE_T_STR, struct tls_server_conf, client_ca, .flags = SLUICE_F_NEW,
		.doc = "PEM file of the authorities, and of their revocation lists, by which "
		       "certificates of clients are verified; left out: clients are not asked for "
		       "one"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct tls_server_conf, client_certificate, .def = "required",
		.flags = SLUICE_F_NEW, .choices = client_choices,
		.doc = "with client_ca: whether clients without a certificate are served; one that "
		       "is not valid is refused in any case"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct tls_server_conf, match_host, .def = "true",
		.flags = SLUICE_F_NEW,
		.doc = "whether to refuse (421) requests for a host that is neither the client's "
		       "SNI nor in the certificate; trusted proxies may ask for any host"),
	SLUICE_OPTIONS_END,
};

const sluice_option tls_client_options[] = {
	SLUICE_OPTION(SLUICE_T_BOOL, struct tls_client_conf, verify, .def = "true",
		.flags = SLUICE_F_NEW,
		.doc = "whether the server's certificate and the name in it are verified"),
	SLUICE_OPTION(SLUICE_T_STR, struct tls_client_conf, ca, .flags = SLUICE_F_NEW,
		.doc = "PEM file of the authorities that are trusted; left out: those of the "
		       "system"),
	SLUICE_OPTION(SLUICE_T_STR, struct tls_client_conf, server_name, .flags = SLUICE_F_NEW,
		.doc = "name to ask for and to verify; left out: the host of the address"),
	SLUICE_OPTION(SLUICE_T_STR, struct tls_client_conf, certificate, .flags = SLUICE_F_NEW,
		.doc = "PEM file of the certificate to show to the server, followed by those of "
		       "its issuers"),
	SLUICE_OPTION(SLUICE_T_STR, struct tls_client_conf, private_key, .flags = SLUICE_F_NEW,
		.doc = "PEM file of its private key, without a password; left out: the "
		       "certificate's file has it"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct tls_client_conf, min_version, .def = "1.2",
		.flags = SLUICE_F_NEW, .choices = tls_version_choices,
		.doc = "oldest TLS version that is accepted"),
	SLUICE_OPTIONS_END,
};
