/* Watching a file: see watch.h. */
#include "watch.h"

#include <errno.h>

/* Tells contents apart. Whoever may write the file decides what it says anyway, so that nobody
 * gains by two contents of one digest. */
static uint64_t digest_of(sluice_str text)
{
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15) ^ text.len, word;
	for (size_t at = 0; at < text.len; at += sizeof(word)) {
		size_t left = text.len - at;
		word = 0;
		memcpy(&word, text.data + at, left < sizeof(word) ? left : sizeof(word));
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	return h;
}

const char *watch_error(int negative_errno)
{
	switch (-negative_errno) {
	case ENODEV:
		return "it is not a regular file";
	case EFBIG:
		return "it is too large";
	default:
		return strerror(-negative_errno);
	}
}

int watch_first(sluice_instance *inst, struct watched *f, sluice_str *text)
{
	f->error = sluice_read_file(inst, f->path, f->max, text);
	if (f->error == 0)
		f->taken = f->seen = digest_of(*text);
	return f->error;
}

/* Note whether the file can be read, and log a change of that. */
static void set_error(sluice_instance *inst, struct watched *f, int error)
{
	if (error == f->error)
		return;
	f->error = error;
	if (error)
		sluice_log(inst, SLUICE_LOG_WARN,
			"cannot read %.*s: %s; what it said last stays in force", (int)f->path.len,
			f->path.data, watch_error(error));
	else
		sluice_log(inst, SLUICE_LOG_INFO, "%.*s can be read again", (int)f->path.len,
			f->path.data);
}

bool watch_look(sluice_instance *inst, struct watched *f, sluice_str *text)
{
	int error = sluice_read_file(inst, f->path, f->max, text);
	set_error(inst, f, error);
	if (error)
		return false;
	uint64_t before = f->seen;
	f->seen = digest_of(*text);
	if (f->seen == f->taken || f->seen != before)
		return false;
	f->taken = f->seen;
	return true;
}

bool watch_is_moving(const struct watched *f)
{
	return !f->error && f->seen != f->taken;
}
