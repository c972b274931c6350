/*
 * One line of the access log, from facts to bytes. No I/O. Any thread.
 *
 * Whatever a stranger sent, a line is one line: control bytes are escaped in every format, JSON is
 * JSON, and long texts are cut. Authorization and cookies are never among the facts; values that
 * are secret by their name (obs/secret.h) and the user information of URLs are replaced by "***",
 * in accepted and in refused requests alike.
 */
#ifndef OBS_ACCESS_H
#define OBS_ACCESS_H

#include "obs/conf.h"
#include "obs/secret.h"

struct access_record {
	/* all strings borrowed; empty ones are left out */
	sluice_str request_id, client, listener, route;
	/* who passed the request on for the client; left out when it is the client itself */
	sluice_str peer;
	sluice_str method, host, path, query, user_agent, referer; /* as the request said */
	/* name; address of the server asked last */
	sluice_str upstream, server;
	sluice_str reason;   /* code of a refusal or failure */
	sluice_str detail;   /* more about it, in words */
	sluice_str consumer; /* who the client turned out to be */
	sluice_str tls;      /* version: TLSv1.3 */
	sluice_str trace_id;
	sluice_strs notes; /* codes that plugins left */
	sluice_str target; /* as received, where there is no path since the request was refused */
	const struct secrets *secrets; /* that plugins declared; NULL: none */
	uint64_t unix_ms;              /* when the request came in */
	uint64_t duration_us;          /* until its response was out */
	/* to a connection, to the response head; when tries is not 0 */
	uint64_t connect_us, response_us;
	uint64_t bytes_in, bytes_out;
	uint16_t status;      /* 0: none was sent */
	uint16_t grpc_status; /* of a gRPC call */
	bool has_grpc_status;
	uint8_t version; /* 10, 11, 20; 0: not known */
	uint8_t tries;   /* servers asked */
};

enum { ACCESS_LINE_MAX = 30 << 10 }; /* no line is longer */

/* Write the line, newline included. Returns its length, 0 when room is too small for it; never 0
 * with ACCESS_LINE_MAX. */
size_t access_line(const struct access_conf *conf, const struct access_record *r, char *buf,
	size_t room);

#endif
