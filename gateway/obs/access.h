/*
 * Writes a line of the access log into memory, or the fields of a record for log sinks. No I/O. Any
 * thread.
 *
 * No request can break a line: control bytes are escaped in every format, JSON stays valid, and
 * long texts are cut. A record never holds Authorization or cookies. Values with a secret name
 * (obs/secret.h) and the user information of URLs become "***", also when the request was refused.
 */
#ifndef OBS_ACCESS_H
#define OBS_ACCESS_H

#include "obs/conf.h"
#include "obs/secret.h"

struct access_record {
	/* all strings are borrowed; the line omits empty ones */
	sluice_str request_id, client, listener, route;
	/* address at the other end of the connection; omitted when it is the client's */
	sluice_str peer;
	sluice_str method, host, path, query, user_agent, referer; /* as received */
	/* name; address of the server asked last */
	sluice_str upstream, server;
	sluice_str reason;   /* code of a refusal or failure */
	sluice_str detail;   /* more about it, in words */
	sluice_str consumer; /* the client's identity, found by a plugin */
	sluice_str tls;      /* version: TLSv1.3 */
	sluice_str trace_id;
	sluice_strs notes; /* codes that plugins left */
	/* tries that came to nothing, in their order: "10.0.0.5:9000 upstream-reset 3.2 ms" */
	sluice_strs failures;
	/* what a plugin set in their place; empty: none did, or without a query */
	sluice_str rewritten_path, rewritten_query;
	sluice_str target; /* as received; for a request that was refused before it had a path */
	const struct secrets *secrets; /* declared by plugins; NULL: none */
	uint64_t unix_ms;              /* when the request's first byte arrived */
	uint64_t duration_us;          /* to the last byte of the response */
	/* until the connection was open, until the response head came; when tries is not 0 */
	uint64_t connect_us, response_us;
	uint64_t bytes_in, bytes_out;
	uint16_t status;      /* 0: none was sent */
	uint16_t grpc_status; /* of a gRPC call */
	bool has_grpc_status;
	uint8_t version; /* 10, 11, 20; 0: not known */
	uint8_t tries;   /* servers asked */
};

enum { ACCESS_LINE_MAX = 36 << 10 }; /* no line is longer */

/* Memory for those texts of the request that a line shows in another form. */
struct access_room {
	struct access_url {
		char path[4096], query[2048];
	} asked, rewritten;
	char referer[1024];
};
/* Make path and query of r, and what they were rewritten to, what a line shows: secrets are masked,
 * and the query is left out where conf says so. They may lie in room then. */
void access_mask_target(const struct access_conf *conf, struct access_record *r,
	struct access_room *room);

/* The longest texts of a line, before escaping. */
struct access_cut {
	size_t path, query, agent, name;
	size_t list; /* number of notes */
};
extern const struct access_cut access_cuts[2]; /* the usual row first */

/* *masked is r as a line shows it: without secrets. Its texts lie in room, or where those of r
 * are. */
void access_mask(const struct access_conf *conf, const struct access_record *r,
	struct access_record *masked, struct access_room *room);

/* Write the line, newline included. Returns its length, or 0 when it does not fit into room. A line
 * always fits into ACCESS_LINE_MAX. */
size_t access_line(const struct access_conf *conf, const struct access_record *r, char *buf,
	size_t room);
/* The same of a record that access_mask() made. */
size_t access_masked_line(enum access_format format, const struct access_record *masked, char *buf,
	size_t room);

enum {
	ACCESS_TIME = 24,             /* bytes of the text */
	ACCESS_FIELDS = 40,           /* no record has more */
	ACCESS_FIELDS_ROOM = 18 << 10 /* for texts of numbers, failures and notes */
};
/* The fields of a record that access_mask() made, as a line in JSON has them: the same names, in
 * the same order. Their texts lie in room, or where those of r are. Returns how many. */
size_t access_fields_of(const struct access_record *masked, sluice_log_field v[ACCESS_FIELDS],
	char room[ACCESS_FIELDS_ROOM]);

#endif
