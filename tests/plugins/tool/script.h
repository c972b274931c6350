/*
 * The script of `sluice plugin-test`: a YAML file with instances of plugins, as in a configuration,
 * and cases, each a request, what the other sides answer, and what must come of it. Option tables
 * declare its form, so that mistakes are reported with place and hint as in a configuration.
 */
#ifndef TOOL_SCRIPT_H
#define TOOL_SCRIPT_H

#include "config/bind.h"
#include "config/diag.h"

enum { SCRIPT_CHAIN = 16, SCRIPT_BODY_MAX = 4 << 20 };

/* How an answer fails. */
enum script_failure { SCRIPT_WORKS, SCRIPT_UNREACHABLE, SCRIPT_TIMEOUT, SCRIPT_ERROR };

/* In all texts of these structs data NULL means: the script does not say. */
struct script_request {
	sluice_str method, target, host, scheme, client, body;
	sluice_pairs fields, trailers;
	uint64_t leaves_after; /* bytes of a streamed answer; 0: it takes all */
};

struct script_upstream {
	uint64_t status;
	int32_t fails; /* enum script_failure */
	sluice_str body;
	sluice_pairs fields, trailers;
};

/* What a URL answers to the plugins' fetches. */
struct script_fetch {
	sluice_str url;
	uint64_t status, after;
	int32_t fails;
	sluice_str body;
	sluice_pairs fields;
};

/* What a Redis store answers to the next command or script; the last one answers all others. */
struct script_reply {
	sluice_str store;
	const struct node *reply; /* a number, a text, a list of these; NULL: nil */
	uint64_t after;
	int32_t fails;
};

enum script_store_kind { SCRIPT_MEMORY, SCRIPT_REDIS };

struct script_store {
	sluice_str name;
	int32_t kind; /* enum script_store_kind */
};

/* What the upstream must have got. */
struct script_forwarded {
	sluice_str method, target, host, upstream, body;
	sluice_pairs fields, trailers;
	sluice_strs without, has;
};

struct script_expect {
	sluice_str answered_by, reason, detail, body, body_has;
	sluice_str refused; /* code with which the connection is refused */
	uint64_t status;    /* 0: not said */
	sluice_pairs fields, trailers, facts;
	sluice_strs without, has, notes, log;
	bool not_forwarded, broken_off;
	struct script_forwarded forwarded;
};

struct script_case {
	sluice_str name;
	sluice_strs chain;
	uint64_t repeat, pause, before; /* times; ms; ms */
	struct script_request request;
	sluice_pairs facts, numbers;
	struct script_upstream upstream;
	sluice_blocks fetches; /* struct script_fetch */
	sluice_blocks stores;  /* struct script_reply */
	struct script_expect expect;
};

struct script {
	struct arena arena;   /* owned */
	struct diag diag;     /* owned */
	struct config config; /* in arena */
	struct bind bind;     /* owned */
	const struct node *plugins;
	sluice_strs chain;
	sluice_blocks stores; /* struct script_store */
	sluice_blocks cases;  /* struct script_case */
};

extern const sluice_option script_options[];

/* Read the file. False when it has mistakes, which are in s->diag. To be released in any case. */
must_use bool script_load(struct script *s, const char *file);
/* The same with a text; dir: the folder for its relative paths. */
must_use bool script_load_text(struct script *s, const char *file, const char *dir,
	sluice_str text);
void script_fini(struct script *s);

static inline const struct script_case *script_case(const struct script *s, size_t i)
{
	return (const struct script_case *)s->cases.v + i;
}
/* The names of the instances through which a case goes, in order; those of the file where neither
 * the case nor the script says. Returns their number. */
size_t script_chain(const struct script *s, const struct script_case *c,
	sluice_str out[SCRIPT_CHAIN]);

#endif
