/*
 * A batch of records as a plugin sees it, and the services that read it. The thread of the sink.
 * See sluice/records.h.
 */
#ifndef POLICY_RECORDS_H
#define POLICY_RECORDS_H

#include "obs/access_image.h"

struct worker;

struct sluice_log_batch {
	const struct worker *owner; /* whose thread may read it */
	sluice_str rest;            /* images that were not read yet */
	bool is_read;               /* `now` is a record */
	uint64_t dropped;           /* records, since the batch before */
	const void *published;      /* borrowed */
	struct access_image_read now;
	sluice_log_record record;
	sluice_log_field fields[ACCESS_FIELDS];
	char texts[ACCESS_FIELDS_ROOM];
	char line[ACCESS_LINE_MAX];
};

/* Begin to read images. The batch is large: its memory is used again for the next. */
void records_begin(sluice_log_batch *b, const struct worker *owner, sluice_str images);

const sluice_log_record *host_log_next(sluice_log_batch *b);
sluice_str host_log_line(sluice_log_batch *b, int format);
uint64_t host_log_dropped(const sluice_log_batch *b);
const void *host_log_published(const sluice_log_batch *b);

#endif
