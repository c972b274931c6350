/* A name server on the loop of a test's worker, over UDP and TCP, that answers as a test says. */
#ifndef FAKEDNS_H
#define FAKEDNS_H

#include <stdint.h>

#include "net/worker.h"

enum fake_mode {
	FAKE_ANSWER,    /* by the records */
	FAKE_SILENT,    /* not at all */
	FAKE_TRUNCATED, /* over UDP nothing but that the answer is too long; over TCP by the records
			 */
	FAKE_FAIL,      /* SERVFAIL */
	FAKE_REFUSE,    /* REFUSED */
	FAKE_GARBAGE,   /* records that end too early */
};

struct fake_record {
	const char *owner;
	int type;
	uint32_t ttl;
	const char *data; /* an address; of CNAME a name; of SRV "priority weight port target" */
};

struct fake_dns {
	int fd, tcp_fd;
	struct event *event, *tcp_event;
	uint16_t port;
	enum fake_mode mode;
	const struct fake_record *records; /* owner NULL: the end */
	unsigned copies;                   /* of each address record, with other addresses */
	int mute_type;                     /* questions of this type get SERVFAIL; 0: none */
	unsigned n_questions, n_tcp;
	char last[256]; /* the name asked for last */
};

/* mode ANSWER, no records: no name exists. */
void fake_dns_up(struct fake_dns *f, struct worker *w);
void fake_dns_down(struct fake_dns *f);

/* A message as the server sends it: the answer to this question. Returns its length. */
size_t fake_message(uint8_t *out, const char *name, int type, const struct fake_record *records);

#endif
