/* TLS contexts for fetches, one for each file of authorities, made at first use. Any thread. */
#ifndef APP_FETCH_TLS_H
#define APP_FETCH_TLS_H

#include "base/str.h"

struct tls_client;

void fetch_tls_init(unsigned workers);
void fetch_tls_fini(void);
/* ca_file: PEM; empty: the system's authorities. NULL, and a sentence in *why, when it cannot be
 * read. */
struct tls_client *fetch_tls(sluice_str ca_file, const char **why);

#endif
