/*
 * The options of TLS for listeners and for upstreams: the rows of the `tls` blocks and their
 * structs. Paths are as written in the file; server.h and client.h take the folder for relative
 * ones.
 */
#ifndef TLS_CONF_H
#define TLS_CONF_H

#include "base/str.h"

enum tls_client_certificate { TLS_CLIENT_REQUIRED = 0, TLS_CLIENT_OPTIONAL };
enum tls_version { TLS_1_2 = 0, TLS_1_3 }; /* index of tls_version_choices */

struct tls_certificate_conf {
	sluice_str certificate;
	sluice_str private_key; /* empty: in the file of the certificate */
};

struct tls_server_conf {
	sluice_blocks certificates;       /* of struct tls_certificate_conf, at least one */
	int32_t min_version, max_version; /* enum tls_version */
	sluice_str ciphers;
	sluice_str ciphersuites; /* empty: the library's */
	sluice_str curves;       /* empty: the library's */
	bool session_tickets;
	uint64_t session_timeout;   /* ms */
	sluice_str client_ca;       /* empty: clients are not asked for a certificate */
	int32_t client_certificate; /* enum tls_client_certificate */
	/* requests must be for a host that the connection was made for */
	bool match_host;
};

struct tls_client_conf {
	bool verify;
	sluice_str ca;          /* empty: the system's */
	sluice_str server_name; /* empty: the host that is connected to */
	sluice_str certificate; /* empty: none */
	sluice_str private_key; /* empty: in the file of the certificate */
	int32_t min_version;    /* enum tls_version */
};

extern const sluice_option tls_server_options[];
extern const sluice_option tls_client_options[];

/*
 * Called for each mistake or warning in a block. option: the row concerned; index: in
 * `certificates`, or -1; text: a sentence that names the file, without a full stop.
 */
typedef void (*tls_report_fn)(void *ctx, bool is_warning, int index, const char *option,
	const char *text);

#endif
