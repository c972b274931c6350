/* Records of the access log, given to a log sink on this thread. */
#include <stdlib.h>

#include "base/mem.h"
#include "kit_internal.h"
#include "policy/fact.h"
#include "policy/records.h"
#include "policy/run.h"
#include "policy/running.h"

enum { LATEST = 11 }; /* HTTP/1.1 */

static sluice_str field_of(const struct fields *f, const char *name)
{
	const struct field *found = fields_find_name(f, str_of(name));
	return found ? field_value(found) : STR_NONE;
}

/* What the plugin declared secret. */
static struct secrets *secrets_of(const sluice_instance *inst, struct arena *a)
{
	struct secrets *all = arena_zalloc(a, sizeof(*all));
	for (const struct instance_secret *s = inst->secrets; s; s = s->next) {
		bool ok = s->is_field ? secrets_add_field(all, a, s->name)
				      : secrets_add_query(all, a, s->name);
		check(ok, "more than %d secrets", SECRET_NAMES_MAX);
	}
	return all;
}

static void record_of(sluice_exchange *x, const sluice_instance *inst, sluice_str *notes,
	struct access_record *r)
{
	const struct request_head *h = x->request;
	const struct run_asked *asked = x->asked;
	for (unsigned i = 0; i < x->n_notes; i++)
		notes[i] = str_of(x->notes[i].code);
	*r = (struct access_record){ .request_id = x->request_id,
		.client = x->client_ip,
		.listener = STR("public"),
		.route = x->route_name,
		.method = h->method_text,
		.host = h->host.len ? h->host : field_of(&h->fields, "host"),
		.path = asked ? asked->path : h->path,
		.query = asked ? asked->query : h->query,
		.rewritten_path = asked ? h->path : STR_NONE,
		.rewritten_query = asked ? h->query : STR_NONE,
		.user_agent = field_of(&h->fields, "user-agent"),
		.referer = field_of(&h->fields, "referer"),
		.upstream = x->upstream_name,
		.reason = kit_code(x) ? str_of(kit_code(x)) : STR_NONE,
		.detail = kit_code(x) ? str_of(kit_detail(x)) : STR_NONE,
		.consumer = fact_value(x, FACT_CONSUMER),
		.notes = { notes, x->n_notes },
		.secrets = secrets_of(inst, kit_own(x)),
		.unix_ms = kit_unix_ms(),
		.status = (uint16_t)kit_status(x),
		.version = LATEST };
}

void kit_record(sluice_instance *inst, sluice_exchange *x)
{
	const struct access_conf conf = { .format = ACCESS_JSON };
	const sluice_plugin *p = inst->plugin;
	struct access_record r, masked;
	struct access_room room;
	sluice_str notes[RUN_NOTES];
	if (!p->on_records)
		kit_die("%s has no on_records", p->name);
	record_of(x, inst, notes, &r);
	access_mask(&conf, &r, &masked, &room);
	char *image = arena_alloc(kit_own(x), ACCESS_IMAGE_MAX);
	size_t n = access_image_write(&conf, &masked, image, ACCESS_IMAGE_MAX);
	struct sluice_log_batch *batch = mem_new(struct sluice_log_batch);
	struct published *value = instance_published_take(inst);
	records_begin(batch, &kit_worker, str_n(image, n));
	batch->published = value ? value->value : NULL;
	struct running_call_before was = running_begin(&kit_worker, inst, RUNNING_RECORDS);
	p->on_records(inst, inst->conf, batch);
	running_end(&kit_worker, was);
	instance_published_drop(&value);
	free(batch);
}
