/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stand-in for the Pi's camera: a V4L2 device that behaves as bcm2835-v4l2
 * does towards a program that captures H.264. What it shows is a film, written
 * to it beforehand. For tests only.
 */
#ifndef STAND_IN_H
#define STAND_IN_H

#include <linux/types.h>

/* One buffer's worth of the film. */
struct film_part {
	const u8 *data;
	u32 length;
	u32 kind;
};

#define FILM_HEADERS 1 /* SPS and PPS */
#define FILM_KEYFRAME 2

struct film {
	u32 width, height;
	u32 count;
	u8 *bytes;
	struct film_part parts[];
};

struct film *film_read(u8 *bytes, size_t length);
void film_free(struct film *film);
/* The next keyframe's place, headers included; after the last comes the first. */
u32 film_next_keyframe(const struct film *film, u32 from);

/* What tests turn, as module parameters. */
struct knobs {
	bool stall;
	bool keyframe_control;
	uint jitter_ms;
	uint cut;
};

/* What tests ask: what the program has set, and what it was given. */
struct facts {
	u32 opened, streams, frames, forced, starved;
	u32 bitrate, period, profile, level, repeat_headers;
	u32 fps;
};

extern struct knobs knobs;
extern struct facts facts;

struct stand_in;

/* The film must outlive the device. */
struct stand_in *stand_in_appear(const struct film *film);
void stand_in_vanish(struct stand_in *camera);

#endif
