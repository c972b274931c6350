/* Reading a batch of records. See records.h. */
#include "policy/records.h"

#include "net/worker.h"
#include "policy/guard.h"
#include "policy/running.h"

void records_begin(sluice_log_batch *b, const struct worker *owner, sluice_str images)
{
	b->owner = owner;
	b->rest = images;
	b->is_read = false;
	b->dropped = 0;
	b->published = NULL;
}

/* Whether this is the thread that the batch was given to, in on_records(). */
static bool records_may_read(const sluice_log_batch *b, const char *service)
{
	if (!guard_given(b, service, "the batch is NULL"))
		return false;
	return likely(b->owner == worker_self && running_is(worker_self, RUNNING_RECORDS)) ||
		guard_refuse(service, "it is for the sink's own thread, in on_records()");
}

const sluice_log_record *host_log_next(sluice_log_batch *b)
{
	if (!records_may_read(b, "sluice_log_next()"))
		return NULL;
	size_t n = access_image_read(b->rest, &b->now);
	b->is_read = n > 0;
	if (!n)
		return NULL;
	b->rest = str_n(b->rest.data + n, b->rest.len - n);
	b->record = (sluice_log_record){ .size = sizeof(b->record),
		.v = b->fields,
		.n = access_fields_of(&b->now.record, b->fields, b->texts) };
	return &b->record;
}

sluice_str host_log_line(sluice_log_batch *b, int format)
{
	static const enum access_format formats[] = { [SLUICE_LOG_AS_JSON] = ACCESS_JSON,
		[SLUICE_LOG_AS_COMBINED] = ACCESS_COMBINED,
		[SLUICE_LOG_AS_COMMON] = ACCESS_COMMON };
	if (!records_may_read(b, "sluice_log_line()"))
		return STR_NONE;
	if (!b->is_read)
		return STR_NONE;
	bool chosen = format >= SLUICE_LOG_AS_JSON && format <= SLUICE_LOG_AS_COMMON;
	size_t n = access_masked_line(chosen ? formats[format] : b->now.format, &b->now.record,
		b->line, sizeof(b->line));
	return str_n(b->line, n ? n - 1 : 0);
}

uint64_t host_log_dropped(const sluice_log_batch *b)
{
	return records_may_read(b, "sluice_log_dropped()") ? b->dropped : 0;
}

const void *host_log_published(const sluice_log_batch *b)
{
	return records_may_read(b, "sluice_log_published()") ? b->published : NULL;
}
