/*
 * Commands and replies as bytes in RESP2, which every Redis speaks by default. Commands are written
 * to a buf; replies become values of the plugin interface, built by callbacks of the reader of
 * hiredis. A reply is bounded in size, depth and number of elements; one beyond the bounds makes
 * the connection unusable.
 */
#ifndef REDIS_RESP_H
#define REDIS_RESP_H

#include "base/arena.h"
#include "net/buf.h"

struct redisReader;

enum {
	RESP_ARGS_MAX = 256,         /* arguments of one command, its name included */
	RESP_COMMAND_MAX = 1 << 20,  /* bytes of one command */
	RESP_REPLY_MAX = 1 << 20,    /* bytes of one reply */
	RESP_ELEMENTS_MAX = 1 << 14, /* elements of a reply, those of nested lists included */
	RESP_DEPTH_MAX = 6,          /* lists within lists */
};

/* Append a command. 0, or -1 when it has no or too many arguments, or is too long: nothing is
 * appended then. */
must_use int resp_command(struct buf *out, const sluice_str *argv, size_t argc);

/* Bytes that resp_bulk() writes for s, at most. */
static inline size_t resp_bulk_room(sluice_str s)
{
	return s.len + 32;
}
/* Write s as one argument; returns the end. */
char *resp_bulk(char *at, sluice_str s);
/* Write the head of a command of n arguments; returns the end. At most RESP_HEAD_ROOM bytes. */
enum { RESP_HEAD_ROOM = 32 };
char *resp_head(char *at, size_t n);

struct resp_reader {
	struct redisReader *reader; /* owned */
	struct arena arena;         /* of the reply last returned, or being built */
	/* bytes fed so far, and those up to the end of the last complete reply */
	uint64_t fed, done;
	unsigned elements; /* of the reply being built */
	bool is_error;     /* the reply being built is an error */
	const char *error; /* why the replies are malformed, or NULL; borrowed */
};

void resp_init(struct resp_reader *r);
void resp_fini(struct resp_reader *r);
/* Start again for a new connection. */
void resp_reset(struct resp_reader *r);
/* Take bytes in. 0, or -1 when they are malformed. */
must_use int resp_feed(struct resp_reader *r, sluice_str bytes);
/* The next whole reply, which lives until the next call on r. 1: *v is set, and *is_error when it
 * is an error with the text v; 0: more bytes are needed; -1: malformed until resp_reset(), r->error
 * says why. Errors inside a list are strings. */
must_use int resp_next(struct resp_reader *r, const sluice_value **v, bool *is_error);

#endif
