/*
 * Questions to name servers, on the loop of one worker: c-ares sends them, over UDP and where that
 * is too small over TCP, and goes from server to server. What the system's resolv.conf says is read
 * again when that file changes. Answers are given as they came. That worker's thread only; it is
 * not one that serves requests, because files are read on it.
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "net/dns_answer.h"
#include "net/worker.h"

enum {
	DNS_SERVERS_MAX = 8,
	DNS_SERVER_TEXT = 64, /* "[ipv6]:port" */
	DNS_DOMAINS_MAX = 32, /* that are searched */
};

struct ares_channeldata;

struct dns_conf {
	/* "ip:port" and "[ipv6]:port" with commas between them; empty: those of resolv.conf */
	char servers[DNS_SERVERS_MAX * DNS_SERVER_TEXT];
	uint64_t timeout_ms; /* of a question, all tries together */
};

/* One question. */
struct dns_ask {
	struct list at;
	struct dns_channel *channel; /* borrowed: lives as long */
	/* NULL: nobody wants the answer any more */
	void (*on_answer)(void *user, int status, const uint8_t *p, size_t len);
	void *user;
	int status; /* of one that failed at once */
};

/* One resolv.conf, with the questions that were asked by it. */
struct dns_channel {
	struct list at; /* in dns.channels */
	struct dns *dns;
	struct ares_channeldata *ares; /* owned; NULL: could not be made */
	struct list sockets;
	struct list failed; /* questions that failed at once */
	struct timer timer;
	unsigned n_asks;
	bool asking;
	unsigned n_domains, ndots;
	char domains[DNS_DOMAINS_MAX][DNS_NAME_MAX + 1];
};

struct dns {
	struct worker *worker; /* borrowed */
	struct dns_conf conf;
	const char *path; /* of resolv.conf, borrowed */
	struct dns_channel *now;
	struct list channels; /* owned: those that wait for answers, and `now` */
	struct turn_hook hook;
	uint64_t looked_ns; /* when the file was last looked at */
	uint64_t stamp[4];  /* what it then was */
};

/* resolv_conf: NULL: the system's; borrowed. */
void dns_init(struct dns *d, struct worker *w, const struct dns_conf *conf,
	const char *resolv_conf);
/* Questions under way are forgotten: no answer comes. */
void dns_fini(struct dns *d);
/* Later questions go by this. */
void dns_configure(struct dns *d, const struct dns_conf *conf);

/* The channel for a new name; it stays the same for all questions about that name. NULL: the system
 * gives none. */
struct dns_channel *dns_channel_now(struct dns *d);
/* Ask. on_answer is called once, later: status as of c-ares, and the message, if one came. */
struct dns_ask *dns_ask_start(struct dns_channel *c, const char *name, enum dns_type type,
	void (*on_answer)(void *user, int status, const uint8_t *p, size_t len), void *user);
/* on_answer is not called. */
static inline void dns_ask_forget(struct dns_ask *a)
{
	a->on_answer = NULL;
}
/* Addresses of /etc/hosts: call take for each, of 4 or 16 bytes. Returns whether there were some.
 * Reads the file. */
bool dns_hosts_look(struct dns_channel *c, const char *name, bool ipv6,
	const struct dns_reader *to);
/* Whether that status means that the server answered, and why not otherwise. NULL: it did. */
const char *dns_status_text(int status, bool *timed_out);

#endif
