/*
 * Reads an answer of a name server (RFC 1035 4) into what a look-up wants of it: addresses or
 * services (RFC 2782), and how long they may be kept. An answer comes from the network: its size is
 * bounded by DNS itself, all else here. Records that do not belong to the name that was asked for,
 * or to the end of its chain of aliases, are passed over. Any thread.
 */
#ifndef NET_DNS_ANSWER_H
#define NET_DNS_ANSWER_H

#include "base/str.h"

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33 };

enum {
	DNS_NAME_MAX = 253,
	DNS_RECORDS_READ = 1024, /* of one answer, in its order; the others are not looked at */
	DNS_ALIASES_MAX = 16,    /* length of a chain of CNAME records */
};

enum dns_result {
	DNS_FOUND,
	DNS_NO_NAME,       /* NXDOMAIN: there is no such name */
	DNS_NO_DATA,       /* the name has no such records */
	DNS_SERVER_FAILED, /* SERVFAIL */
	DNS_REFUSED,       /* the server does not answer for this name, or not us */
	DNS_BAD,           /* not an answer to this question, or broken */
};

/* A service. target is a name of a host in lower case, without a dot at its end. */
struct dns_service {
	uint16_t priority, weight, port;
	char target[DNS_NAME_MAX + 1];
};

/* Who takes the records, in the order of the answer. data: of A and AAAA, 4 or 16 bytes; of SRV a
 * struct dns_service. Borrowed. */
struct dns_reader {
	void (*take)(void *ctx, const void *data);
	void *ctx;
};

/* name: that was asked for, with or without a dot at its end. *ttl, in seconds: the least of the
 * records and their aliases; set with DNS_FOUND alone. Nothing is taken but with DNS_FOUND. */
enum dns_result dns_answer_read(const uint8_t *p, size_t len, sluice_str name, enum dns_type type,
	const struct dns_reader *to, uint32_t *ttl);

#endif
