/*
 * Commands and replies as bytes (RESP2, the protocol that every Redis speaks without being asked).
 * Commands go into a buf; replies come out as public values, built straight from what hiredis'
 * reader finds. A reply is bounded in size, depth and number of elements: beyond that the stream of
 * replies counts as broken.
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
	/* bytes: taken in, and before the end of the last whole reply */
	uint64_t fed, done;
	unsigned elements; /* of the reply being built */
	bool is_error;     /* the reply being built is an error */
	const char *error; /* why it broke, or NULL; borrowed */
};

void resp_init(struct resp_reader *r);
void resp_fini(struct resp_reader *r);
/* Forget everything: a new connection begins. */
void resp_reset(struct resp_reader *r);
/* Take bytes in. 0, or -1 when broken. */
must_use int resp_feed(struct resp_reader *r, sluice_str bytes);
/* The next whole reply, which lives until the next call on r. 1: *v, and whether it is an error
 * (then v is its text); 0: more bytes are needed; -1: broken, r->error says why, and stays so until
 * resp_reset(). Errors inside a list are strings. */
must_use int resp_next(struct resp_reader *r, const sluice_value **v, bool *is_error);

#endif
