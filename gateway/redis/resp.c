/* RESP by means of hiredis. One thread for each reader. See resp.h. */
#include "redis/resp.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

/* ---- commands ------------------------------------------------------------------------------ */

static char *resp_number(char *at, char kind, size_t n)
{
	char digits[20];
	unsigned len = 0;
	*at++ = kind;
	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (len)
		*at++ = digits[--len];
	*at++ = '\r';
	*at++ = '\n';
	return at;
}

char *resp_bulk(char *at, sluice_str s)
{
	at = resp_number(at, '$', s.len);
	if (s.len)
		memcpy(at, s.data, s.len);
	at += s.len;
	*at++ = '\r';
	*at++ = '\n';
	return at;
}

char *resp_head(char *at, size_t n)
{
	return resp_number(at, '*', n);
}

int resp_command(struct buf *out, const sluice_str *argv, size_t argc)
{
	const char *data[RESP_ARGS_MAX];
	size_t len[RESP_ARGS_MAX], total = 0;
	char *text;
	if (argc == 0 || argc > RESP_ARGS_MAX)
		return -1;
	for (size_t i = 0; i < argc; i++) {
		data[i] = argv[i].data ? argv[i].data : "";
		len[i] = argv[i].len;
		if (len[i] > RESP_COMMAND_MAX - total)
			return -1;
		total += len[i];
	}
	long long n = redisFormatCommandArgv(&text, (int)argc, data, len);
	check(n > 0, "a command of %zu arguments could not be formatted", argc);
	buf_append(out, text, (size_t)n);
	redisFreeCommand(text);
	return 0;
}

/* ---- replies ------------------------------------------------------------------------------- */

/* Memory for the value of a task: an element of its list, or new memory. NULL when a bound is
 * exceeded. */
static sluice_value *resp_place(const redisReadTask *task)
{
	struct resp_reader *r = task->privdata;
	if (++r->elements > RESP_ELEMENTS_MAX)
		return NULL;
	if (!task->parent)
		return arena_new(&r->arena, sluice_value);
	const sluice_value *list = task->parent->obj;
	return (sluice_value *)(uintptr_t)&list->v[task->idx];
}

static void *resp_string(const redisReadTask *task, char *data, size_t len)
{
	struct resp_reader *r = task->privdata;
	sluice_value *v = resp_place(task);
	sluice_str s = v ? arena_str(&r->arena, str_n(data, len)) : STR_NONE;
	if (!s.data)
		return NULL;
	*v = (sluice_value){ .type = SLUICE_V_STR, .s = s };
	if (!task->parent)
		r->is_error = task->type == REDIS_REPLY_ERROR;
	return v;
}

#if HIREDIS_MAJOR >= 1
static void *resp_list(const redisReadTask *task, size_t n)
#else
static void *resp_list(const redisReadTask *task, int n)
#endif
{
	struct resp_reader *r = task->privdata;
	sluice_value *v = resp_place(task), *elements = NULL;
	unsigned depth = 0;
	for (const redisReadTask *t = task; t; t = t->parent)
		depth++;
	if (!v || depth > RESP_DEPTH_MAX || n > (typeof(n))(RESP_ELEMENTS_MAX - r->elements))
		return NULL;
	if (n) {
		elements = arena_zalloc(&r->arena, (size_t)n * sizeof(*elements));
		if (!elements)
			return NULL;
	}
	*v = (sluice_value){ .type = SLUICE_V_LIST, .v = elements, .n = (size_t)n };
	return v;
}

static void *resp_int(const redisReadTask *task, long long i)
{
	sluice_value *v = resp_place(task);
	if (v)
		*v = (sluice_value){ .type = SLUICE_V_INT, .i = i };
	return v;
}

static void *resp_nil(const redisReadTask *task)
{
	sluice_value *v = resp_place(task);
	if (v)
		*v = (sluice_value){ .type = SLUICE_V_NIL };
	return v;
}

#if HIREDIS_MAJOR >= 1
/* A RESP3 type. Servers send these only after HELLO 3, which is never sent. */
static void *resp_double(const redisReadTask *task, double value, char *text, size_t len)
{
	(void)value;
	return resp_string(task, text, len);
}
static void *resp_bool(const redisReadTask *task, int value)
{
	return resp_int(task, value);
}
#endif

static void resp_free(void *v)
{
	(void)v; /* the arena owns it */
}

static redisReplyObjectFunctions resp_functions = {
	.createString = resp_string,
	.createArray = resp_list,
	.createInteger = resp_int,
#if HIREDIS_MAJOR >= 1
	.createDouble = resp_double,
	.createBool = resp_bool,
#endif
	.createNil = resp_nil,
	.freeObject = resp_free,
};

static void resp_begin(struct resp_reader *r)
{
	arena_fini(&r->arena);
	r->elements = 0;
	r->is_error = false;
}

void resp_init(struct resp_reader *r)
{
	*r = (struct resp_reader){ .reader = redisReaderCreateWithFunctions(&resp_functions) };
	check(r->reader, "out of memory: a reader of %zu bytes", sizeof(redisReader));
	r->reader->privdata = r;
	/* text, and a place for each element; a reply that fits the limits fits in here */
	arena_init(&r->arena, RESP_REPLY_MAX * 2 + RESP_ELEMENTS_MAX * (sizeof(sluice_value) + 32));
}

void resp_fini(struct resp_reader *r)
{
	redisReaderFree(r->reader);
	arena_fini(&r->arena);
	r->reader = NULL;
}

void resp_reset(struct resp_reader *r)
{
	resp_fini(r);
	resp_init(r);
}

int resp_feed(struct resp_reader *r, sluice_str bytes)
{
	if (r->error)
		return -1;
	if (redisReaderFeed(r->reader, bytes.data, bytes.len) != REDIS_OK) {
		r->error = r->reader->errstr;
		return -1;
	}
	r->fed += bytes.len;
	return 0;
}

int resp_next(struct resp_reader *r, const sluice_value **v, bool *is_error)
{
	void *reply = NULL;
	uint64_t end = r->fed - (r->reader->len - r->reader->pos);
	if (r->error)
		return -1;
	if (end == r->done) /* no incomplete reply is left */
		resp_begin(r);
	if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
		r->error = r->reader->err == REDIS_ERR_OOM ? "a reply has too many elements"
							   : r->reader->errstr;
		return -1;
	}
	end = r->fed - (r->reader->len - r->reader->pos);
	if (reply ? end - r->done > RESP_REPLY_MAX : r->fed - r->done > RESP_REPLY_MAX) {
		r->error = "a reply is too large";
		return -1;
	}
	if (!reply)
		return 0;
	r->done = end;
	*v = reply;
	*is_error = r->is_error;
	return 1;
}
