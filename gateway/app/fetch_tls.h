/* TLS contexts for fetches, one for each CA file, made when first used. Any thread. */
#ifndef APP_FETCH_TLS_H
#define APP_FETCH_TLS_H

#include "base/str.h"

struct tls_client;

void fetch_tls_init(unsigned workers);
void fetch_tls_fini(void);
/* Files that were replaced are read again at their next use. Main thread. */
void fetch_tls_renew(void);
/* ca_file: PEM; empty: the system's authorities. A reference, for tls_client_free(). NULL, and a
 * sentence in *why, when the file cannot be read. */
struct tls_client *fetch_tls(sluice_str ca_file, const char **why);

#endif
