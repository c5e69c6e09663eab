// SPDX-License-Identifier: GPL-2.0-only
/*
 * The V4L2 device. As with bcm2835-v4l2: one buffer is one access unit; SPS and
 * PPS come in a buffer of their own, with the time of an earlier one; only
 * keyframes are flagged; STREAMON takes 300 ms; a silent sensor says nothing; a
 * frame beyond the buffer's size is cut off without a word.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <media/v4l2-common.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-dev.h>
#include <media/v4l2-device.h>
#include <media/v4l2-event.h>
#include <media/v4l2-fh.h>
#include <media/v4l2-ioctl.h>
#include <media/videobuf2-v4l2.h>
#include <media/videobuf2-vmalloc.h>

#include "stand_in.h"

#define MOST_FPS 90

struct stand_in {
	struct v4l2_device v4l2;
	struct video_device video;
	struct v4l2_ctrl_handler controls;
	struct vb2_queue queue;
	struct mutex lock;
	spinlock_t waiting_lock;
	struct list_head waiting;
	struct task_struct *thread;
	const struct film *film;
	u32 sequence;
	u32 fps;
	u32 period;
	bool repeat_headers;
	bool force;
	u64 stale_time;
};

struct buffer {
	struct vb2_v4l2_buffer vb;
	struct list_head list;
};

static u32 size_of_image(const struct stand_in *camera)
{
	return PAGE_ALIGN(camera->film->width * camera->film->height);
}

/* The stream ------------------------------------------------------------- */

static struct buffer *take_waiting(struct stand_in *camera)
{
	struct buffer *buffer;

	spin_lock(&camera->waiting_lock);
	buffer = list_first_entry_or_null(&camera->waiting, struct buffer, list);
	if (buffer)
		list_del(&buffer->list);
	spin_unlock(&camera->waiting_lock);
	return buffer;
}

static void fill(struct stand_in *camera, struct buffer *buffer, const struct film_part *part,
		 u64 time)
{
	struct vb2_buffer *vb = &buffer->vb.vb2_buf;
	u32 room = vb2_plane_size(vb, 0);
	u32 used = min(part->length, room);

	memcpy(vb2_plane_vaddr(vb, 0), part->data, used);
	if (knobs.cut && part->kind != FILM_HEADERS) {
		knobs.cut--;
		used = room;
	}
	vb2_set_plane_payload(vb, 0, used);
	buffer->vb.flags &= ~V4L2_BUF_FLAG_KEYFRAME;
	if (part->kind == FILM_KEYFRAME)
		buffer->vb.flags |= V4L2_BUF_FLAG_KEYFRAME;
	buffer->vb.field = V4L2_FIELD_NONE;
	buffer->vb.sequence = camera->sequence++;
	vb->timestamp = time;
	vb2_buffer_done(vb, VB2_BUF_STATE_DONE);
}

/* Gives one buffer. False if there is none: then the encoder waits, as the GPU's does. */
static bool give(struct stand_in *camera, const struct film_part *part, u64 time)
{
	struct buffer *buffer = take_waiting(camera);

	if (!buffer) {
		facts.starved++;
		return false;
	}
	if (part->kind == FILM_HEADERS) {
		fill(camera, buffer, part, camera->stale_time);
		return true;
	}
	fill(camera, buffer, part, time);
	camera->stale_time = time;
	facts.frames++;
	return true;
}

struct place {
	u32 next;
	u32 since_keyframe;
	bool headers_given;
};

static void choose_next(struct stand_in *camera, struct place *place)
{
	bool due = camera->period && place->since_keyframe >= camera->period;

	if (place->next >= camera->film->count)
		place->next = 0;
	if (READ_ONCE(camera->force) || due) {
		WRITE_ONCE(camera->force, false);
		place->next = film_next_keyframe(camera->film, place->next);
		place->since_keyframe = 0;
	}
}

/* One frame, with the headers before it if there are any. */
static void play(struct stand_in *camera, struct place *place, u64 time)
{
	const struct film_part *part;

	choose_next(camera, place);
	part = &camera->film->parts[place->next];
	if (part->kind == FILM_HEADERS) {
		if (!place->headers_given || camera->repeat_headers) {
			if (!give(camera, part, time))
				return;
			place->headers_given = true;
		}
		part = &camera->film->parts[++place->next];
	}
	if (!give(camera, part, time))
		return;
	place->since_keyframe = part->kind == FILM_KEYFRAME ? 1 : place->since_keyframe + 1;
	place->next++;
}

static void sleep_until(u64 moment)
{
	s64 left = moment - ktime_get_ns();

	if (left > 0)
		usleep_range(div_u64(left, NSEC_PER_USEC), div_u64(left, NSEC_PER_USEC) + 200);
}

static int film_thread(void *data)
{
	struct stand_in *camera = data;
	struct place place = {};
	u64 due = ktime_get_ns();
	bool late = false;

	while (!kthread_should_stop()) {
		u64 now;

		due += NSEC_PER_SEC / READ_ONCE(camera->fps);
		sleep_until(due);
		if (late)
			msleep(min(knobs.jitter_ms, 1000u));
		late = knobs.jitter_ms && !late;
		if (!knobs.stall)
			play(camera, &place, due);
		now = ktime_get_ns();
		/* Too slow: no picture is made up for. */
		if (now > due + NSEC_PER_SEC / 2)
			due = now;
	}
	return 0;
}

/* videobuf2 -------------------------------------------------------------- */

static int queue_setup(struct vb2_queue *queue, unsigned int *buffers, unsigned int *planes,
		       unsigned int sizes[], struct device *devices[])
{
	u32 size = size_of_image(vb2_get_drv_priv(queue));

	if (*planes)
		return sizes[0] < size ? -EINVAL : 0;
	*planes = 1;
	sizes[0] = size;
	return 0;
}

static int buffer_prepare(struct vb2_buffer *vb)
{
	return vb2_plane_size(vb, 0) < size_of_image(vb2_get_drv_priv(vb->vb2_queue)) ? -EINVAL : 0;
}

static void buffer_queue(struct vb2_buffer *vb)
{
	struct stand_in *camera = vb2_get_drv_priv(vb->vb2_queue);
	struct buffer *buffer = container_of(to_vb2_v4l2_buffer(vb), struct buffer, vb);

	spin_lock(&camera->waiting_lock);
	list_add_tail(&buffer->list, &camera->waiting);
	spin_unlock(&camera->waiting_lock);
}

static void give_back_all(struct stand_in *camera, enum vb2_buffer_state state)
{
	struct buffer *buffer;

	while ((buffer = take_waiting(camera)))
		vb2_buffer_done(&buffer->vb.vb2_buf, state);
}

static int start_streaming(struct vb2_queue *queue, unsigned int count)
{
	struct stand_in *camera = vb2_get_drv_priv(queue);

	msleep(300);
	camera->sequence = 0;
	camera->thread = kthread_run(film_thread, camera, "stand-in-camera");
	if (IS_ERR(camera->thread)) {
		give_back_all(camera, VB2_BUF_STATE_QUEUED);
		return PTR_ERR(camera->thread);
	}
	facts.streams++;
	return 0;
}

static void stop_streaming(struct vb2_queue *queue)
{
	struct stand_in *camera = vb2_get_drv_priv(queue);

	kthread_stop(camera->thread);
	give_back_all(camera, VB2_BUF_STATE_ERROR);
}

static const struct vb2_ops queue_ops = {
	.queue_setup = queue_setup,
	.buf_prepare = buffer_prepare,
	.buf_queue = buffer_queue,
	.start_streaming = start_streaming,
	.stop_streaming = stop_streaming,
	.wait_prepare = vb2_ops_wait_prepare,
	.wait_finish = vb2_ops_wait_finish,
};

/* Controls --------------------------------------------------------------- */

static int set_control(struct v4l2_ctrl *control)
{
	struct stand_in *camera = container_of(control->handler, struct stand_in, controls);

	switch (control->id) {
	case V4L2_CID_MPEG_VIDEO_BITRATE:
		facts.bitrate = control->val;
		return 0;
	case V4L2_CID_MPEG_VIDEO_H264_I_PERIOD:
		camera->period = control->val;
		facts.period = control->val;
		return 0;
	case V4L2_CID_MPEG_VIDEO_H264_PROFILE:
		facts.profile = control->val;
		return 0;
	case V4L2_CID_MPEG_VIDEO_H264_LEVEL:
		facts.level = control->val;
		return 0;
	case V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER:
		facts.repeat_headers = control->val;
		camera->repeat_headers = control->val;
		return 0;
	case V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME:
		WRITE_ONCE(camera->force, true);
		facts.forced++;
		return 0;
	case V4L2_CID_MPEG_VIDEO_BITRATE_MODE:
		return 0;
	}
	return -EINVAL;
}

static const struct v4l2_ctrl_ops control_ops = { .s_ctrl = set_control };

/* Ranges and defaults of bcm2835-v4l2. */
static int add_controls(struct stand_in *camera)
{
	struct v4l2_ctrl_handler *all = &camera->controls;
	const u64 profiles = BIT(V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE) |
			     BIT(V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE) |
			     BIT(V4L2_MPEG_VIDEO_H264_PROFILE_MAIN) |
			     BIT(V4L2_MPEG_VIDEO_H264_PROFILE_HIGH);

	v4l2_ctrl_handler_init(all, 8);
	v4l2_ctrl_new_std(all, &control_ops, V4L2_CID_MPEG_VIDEO_BITRATE,
			  25000, 25000000, 25000, 10000000);
	v4l2_ctrl_new_std_menu(all, &control_ops, V4L2_CID_MPEG_VIDEO_BITRATE_MODE,
			       V4L2_MPEG_VIDEO_BITRATE_MODE_CBR, 0,
			       V4L2_MPEG_VIDEO_BITRATE_MODE_VBR);
	v4l2_ctrl_new_std(all, &control_ops, V4L2_CID_MPEG_VIDEO_H264_I_PERIOD,
			  0, S32_MAX, 1, 60);
	v4l2_ctrl_new_std_menu(all, &control_ops, V4L2_CID_MPEG_VIDEO_H264_PROFILE,
			       V4L2_MPEG_VIDEO_H264_PROFILE_HIGH, ~profiles,
			       V4L2_MPEG_VIDEO_H264_PROFILE_HIGH);
	v4l2_ctrl_new_std_menu(all, &control_ops, V4L2_CID_MPEG_VIDEO_H264_LEVEL,
			       V4L2_MPEG_VIDEO_H264_LEVEL_4_0, 0, V4L2_MPEG_VIDEO_H264_LEVEL_4_0);
	v4l2_ctrl_new_std(all, &control_ops, V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 0, 1, 1, 0);
	/* Raspberry Pi's kernel has it, mainline's 6.1 has not. */
	if (knobs.keyframe_control)
		v4l2_ctrl_new_std(all, &control_ops, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME,
				  0, 0, 0, 0);
	if (all->error)
		return all->error;
	return v4l2_ctrl_handler_setup(all);
}

/* ioctl ------------------------------------------------------------------ */

static int query_cap(struct file *file, void *fh, struct v4l2_capability *cap)
{
	strscpy(cap->driver, "stand-in", sizeof(cap->driver));
	strscpy(cap->card, "stand-in camera", sizeof(cap->card));
	strscpy(cap->bus_info, "platform:stand-in", sizeof(cap->bus_info));
	return 0;
}

static int enum_format(struct file *file, void *fh, struct v4l2_fmtdesc *format)
{
	if (format->index)
		return -EINVAL;
	format->pixelformat = V4L2_PIX_FMT_H264;
	return 0;
}

/* The film has one size only. */
static int get_format(struct file *file, void *fh, struct v4l2_format *format)
{
	struct stand_in *camera = video_drvdata(file);
	struct v4l2_pix_format *pix = &format->fmt.pix;

	memset(pix, 0, sizeof(*pix));
	pix->width = camera->film->width;
	pix->height = camera->film->height;
	pix->pixelformat = V4L2_PIX_FMT_H264;
	pix->field = V4L2_FIELD_NONE;
	pix->sizeimage = size_of_image(camera);
	pix->colorspace = V4L2_COLORSPACE_SMPTE170M;
	return 0;
}

static int set_format(struct file *file, void *fh, struct v4l2_format *format)
{
	struct stand_in *camera = video_drvdata(file);

	if (vb2_is_busy(&camera->queue))
		return -EBUSY;
	return get_format(file, fh, format);
}

static int get_parm(struct file *file, void *fh, struct v4l2_streamparm *parm)
{
	struct stand_in *camera = video_drvdata(file);

	if (parm->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
		return -EINVAL;
	parm->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
	parm->parm.capture.timeperframe.numerator = 1;
	parm->parm.capture.timeperframe.denominator = camera->fps;
	return 0;
}

static int set_parm(struct file *file, void *fh, struct v4l2_streamparm *parm)
{
	struct stand_in *camera = video_drvdata(file);
	struct v4l2_fract *time = &parm->parm.capture.timeperframe;

	if (parm->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
		return -EINVAL;
	if (time->numerator && time->denominator)
		camera->fps = clamp(time->denominator / time->numerator, 1u, (u32)MOST_FPS);
	facts.fps = camera->fps;
	return get_parm(file, fh, parm);
}

static const struct v4l2_ioctl_ops ioctl_ops = {
	.vidioc_querycap = query_cap,
	.vidioc_enum_fmt_vid_cap = enum_format,
	.vidioc_g_fmt_vid_cap = get_format,
	.vidioc_try_fmt_vid_cap = get_format,
	.vidioc_s_fmt_vid_cap = set_format,
	.vidioc_g_parm = get_parm,
	.vidioc_s_parm = set_parm,
	.vidioc_reqbufs = vb2_ioctl_reqbufs,
	.vidioc_querybuf = vb2_ioctl_querybuf,
	.vidioc_qbuf = vb2_ioctl_qbuf,
	.vidioc_dqbuf = vb2_ioctl_dqbuf,
	.vidioc_streamon = vb2_ioctl_streamon,
	.vidioc_streamoff = vb2_ioctl_streamoff,
	.vidioc_subscribe_event = v4l2_ctrl_subscribe_event,
	.vidioc_unsubscribe_event = v4l2_event_unsubscribe,
};

static int camera_open(struct file *file)
{
	facts.opened++;
	return v4l2_fh_open(file);
}

static const struct v4l2_file_operations file_ops = {
	.owner = THIS_MODULE,
	.open = camera_open,
	.release = vb2_fop_release,
	.read = vb2_fop_read,
	.poll = vb2_fop_poll,
	.mmap = vb2_fop_mmap,
	.unlocked_ioctl = video_ioctl2,
};

/* Coming and going ------------------------------------------------------- */

/* After the last user has closed it. */
static void release(struct v4l2_device *v4l2)
{
	struct stand_in *camera = container_of(v4l2, struct stand_in, v4l2);

	v4l2_ctrl_handler_free(&camera->controls);
	v4l2_device_unregister(v4l2);
	mutex_destroy(&camera->lock);
	kfree(camera);
}

static int set_up_queue(struct stand_in *camera)
{
	struct vb2_queue *queue = &camera->queue;

	queue->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	queue->io_modes = VB2_MMAP | VB2_USERPTR | VB2_READ;
	queue->drv_priv = camera;
	queue->buf_struct_size = sizeof(struct buffer);
	queue->ops = &queue_ops;
	queue->mem_ops = &vb2_vmalloc_memops;
	queue->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
	queue->lock = &camera->lock;
	return vb2_queue_init(queue);
}

static int set_up_video(struct stand_in *camera)
{
	struct video_device *video = &camera->video;

	strscpy(video->name, "stand-in camera", sizeof(video->name));
	video->v4l2_dev = &camera->v4l2;
	video->ctrl_handler = &camera->controls;
	video->queue = &camera->queue;
	video->lock = &camera->lock;
	video->fops = &file_ops;
	video->ioctl_ops = &ioctl_ops;
	video->release = video_device_release_empty;
	video->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING | V4L2_CAP_READWRITE;
	video_set_drvdata(video, camera);
	return video_register_device(video, VFL_TYPE_VIDEO, -1);
}

struct stand_in *stand_in_appear(const struct film *film)
{
	struct stand_in *camera = kzalloc(sizeof(*camera), GFP_KERNEL);
	int ret;

	if (!camera)
		return ERR_PTR(-ENOMEM);
	camera->film = film;
	camera->fps = 30;
	mutex_init(&camera->lock);
	spin_lock_init(&camera->waiting_lock);
	INIT_LIST_HEAD(&camera->waiting);
	strscpy(camera->v4l2.name, "stand-in", sizeof(camera->v4l2.name));
	ret = v4l2_device_register(NULL, &camera->v4l2);
	if (ret) {
		kfree(camera);
		return ERR_PTR(ret);
	}
	camera->v4l2.release = release;
	ret = add_controls(camera);
	if (!ret)
		ret = set_up_queue(camera);
	if (!ret)
		ret = set_up_video(camera);
	if (ret) {
		v4l2_device_put(&camera->v4l2);
		return ERR_PTR(ret);
	}
	return camera;
}

/* Whoever has it open is told at once, as when a camera is unplugged. */
void stand_in_vanish(struct stand_in *camera)
{
	vb2_video_unregister_device(&camera->video);
	v4l2_device_put(&camera->v4l2);
}
