/*
 * A record of the access log as bytes, on its way from a worker to a log sink: made with as little
 * work as can be, because a worker does it, and read by the same process. No I/O. Any thread.
 */
#ifndef OBS_ACCESS_IMAGE_H
#define OBS_ACCESS_IMAGE_H

#include "obs/access.h"

enum { ACCESS_IMAGE_MAX = 40 << 10, ACCESS_IMAGE_NOTES = 32 };

/* Write a record that access_mask() made, and the format that conf asks for. Texts are cut to what
 * a line shows of them. Returns the length, at most ACCESS_IMAGE_MAX, or 0 when it does not fit
 * into room. */
size_t access_image_write(const struct access_conf *conf, const struct access_record *masked,
	char *to, size_t room);

struct access_image_read {
	struct access_record record; /* masked; its texts lie in the image */
	sluice_str notes[ACCESS_IMAGE_NOTES], failures[ACCESS_IMAGE_NOTES];
	enum access_format format;
};
/* Read the image at the beginning of bytes. Returns its length; 0: it is none, *out is then as it
 * was. */
size_t access_image_read(sluice_str bytes, struct access_image_read *out);

#endif
