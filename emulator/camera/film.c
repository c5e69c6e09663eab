// SPDX-License-Identifier: GPL-2.0-only
/*
 * The film: "FILM", width, height, then for each buffer its length, its kind and
 * its bytes. All numbers are 32 bits, little-endian; see ../film.py.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <asm/unaligned.h>

#include "stand_in.h"

#define HEAD 12
#define PART_HEAD 8

static int count_parts(const u8 *bytes, size_t length)
{
	size_t at = HEAD;
	int count = 0;

	while (at < length) {
		u32 size;

		if (length - at < PART_HEAD)
			return -EINVAL;
		size = get_unaligned_le32(bytes + at);
		at += PART_HEAD;
		if (size > length - at)
			return -EINVAL;
		at += size;
		count++;
	}
	return count;
}

/* Takes over the bytes, unless it fails. */
struct film *film_read(u8 *bytes, size_t length)
{
	struct film *film;
	size_t at = HEAD;
	int count, i;

	if (length < HEAD || memcmp(bytes, "FILM", 4))
		return ERR_PTR(-EINVAL);
	count = count_parts(bytes, length);
	/* It has to begin with headers and a keyframe. */
	if (count < 2 || get_unaligned_le32(bytes + HEAD + 4) != FILM_HEADERS)
		return ERR_PTR(-EINVAL);
	film = kvzalloc(struct_size(film, parts, count), GFP_KERNEL);
	if (!film)
		return ERR_PTR(-ENOMEM);
	film->width = get_unaligned_le32(bytes + 4);
	film->height = get_unaligned_le32(bytes + 8);
	film->count = count;
	film->bytes = bytes;
	for (i = 0; i < count; i++) {
		struct film_part *part = &film->parts[i];

		part->length = get_unaligned_le32(bytes + at);
		part->kind = get_unaligned_le32(bytes + at + 4);
		part->data = bytes + at + PART_HEAD;
		at += PART_HEAD + part->length;
	}
	return film;
}

void film_free(struct film *film)
{
	if (!film)
		return;
	vfree(film->bytes);
	kvfree(film);
}

u32 film_next_keyframe(const struct film *film, u32 from)
{
	u32 i;

	for (i = from; i < film->count; i++)
		if (film->parts[i].kind == FILM_HEADERS)
			return i;
	return 0;
}
