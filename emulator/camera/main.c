// SPDX-License-Identifier: GPL-2.0-only
/*
 * The knobs in /sys/module/stand_in_camera/parameters, and /dev/film: whoever
 * writes to it puts a film in; whoever reads it is told what the program has set.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "stand_in.h"

#define LARGEST_FILM (32 << 20)

struct knobs knobs = { .keyframe_control = true };
struct facts facts;

static DEFINE_MUTEX(lock);
static bool loaded;
static bool present;
static struct film *film;
static struct stand_in *camera;

/* Films are changed only while the camera is away. */
static int update(void)
{
	struct stand_in *now = NULL;

	if (present && film && !camera) {
		now = stand_in_appear(film);
		if (IS_ERR(now))
			return PTR_ERR(now);
		camera = now;
	} else if (!present && camera) {
		stand_in_vanish(camera);
		camera = NULL;
	}
	return 0;
}

static int set_present(const char *value, const struct kernel_param *kp)
{
	int ret;

	mutex_lock(&lock);
	ret = param_set_bool(value, kp);
	if (!ret && loaded)
		ret = update();
	mutex_unlock(&lock);
	return ret;
}

static const struct kernel_param_ops present_ops = {
	.set = set_present,
	.get = param_get_bool,
};

module_param_cb(present, &present_ops, &present, 0644);
MODULE_PARM_DESC(present, "the camera is plugged in");
module_param_named(stall, knobs.stall, bool, 0644);
MODULE_PARM_DESC(stall, "no buffer comes any more, and nothing says so");
module_param_named(keyframe_control, knobs.keyframe_control, bool, 0644);
MODULE_PARM_DESC(keyframe_control, "keyframes can be asked for (from the next appearance on)");
module_param_named(jitter_ms, knobs.jitter_ms, uint, 0644);
MODULE_PARM_DESC(jitter_ms, "every other buffer comes that late, with its true time");
module_param_named(cut, knobs.cut, uint, 0644);
MODULE_PARM_DESC(cut, "so many frames come cut off, in full buffers");

/* What one writer has written so far. */
struct writing {
	u8 *bytes;
	size_t length;
};

static int film_open(struct inode *inode, struct file *file)
{
	struct writing *writing;

	file->private_data = NULL;
	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	writing = kzalloc(sizeof(*writing), GFP_KERNEL);
	if (!writing)
		return -ENOMEM;
	writing->bytes = vmalloc(LARGEST_FILM);
	if (!writing->bytes) {
		kfree(writing);
		return -ENOMEM;
	}
	file->private_data = writing;
	return 0;
}

static ssize_t film_write(struct file *file, const char __user *from, size_t length, loff_t *at)
{
	struct writing *writing = file->private_data;

	if (length > LARGEST_FILM - writing->length)
		return -ENOSPC;
	if (copy_from_user(writing->bytes + writing->length, from, length))
		return -EFAULT;
	writing->length += length;
	return length;
}

/* Only fsync can tell the writer what is wrong; close can't. */
static int film_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct writing *writing = file->private_data;
	struct film *read;
	int ret = 0;

	if (!writing || !writing->bytes)
		return 0;
	mutex_lock(&lock);
	if (camera) {
		ret = -EBUSY;
		goto out;
	}
	read = film_read(writing->bytes, writing->length);
	if (IS_ERR(read)) {
		ret = PTR_ERR(read);
		goto out;
	}
	writing->bytes = NULL;
	film_free(film);
	film = read;
	ret = update();
out:
	mutex_unlock(&lock);
	return ret;
}

static int film_release(struct inode *inode, struct file *file)
{
	struct writing *writing = file->private_data;

	if (writing) {
		vfree(writing->bytes);
		kfree(writing);
	}
	return 0;
}

static ssize_t film_told(struct file *file, char __user *to, size_t length, loff_t *at)
{
	char text[512];
	int size = scnprintf(text, sizeof(text),
			     "{\"opened\":%u,\"streams\":%u,\"frames\":%u,\"forced\":%u,"
			     "\"starved\":%u,\"bitrate\":%u,\"period\":%u,\"profile\":%u,"
			     "\"level\":%u,\"repeat_headers\":%u,\"fps\":%u}\n",
			     facts.opened, facts.streams, facts.frames, facts.forced,
			     facts.starved, facts.bitrate, facts.period, facts.profile,
			     facts.level, facts.repeat_headers, facts.fps);

	return simple_read_from_buffer(to, length, at, text, size);
}

static const struct file_operations film_ops = {
	.owner = THIS_MODULE,
	.open = film_open,
	.write = film_write,
	.read = film_told,
	.fsync = film_fsync,
	.release = film_release,
};

static struct miscdevice film_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "film",
	.fops = &film_ops,
};

static int __init stand_in_init(void)
{
	int ret = misc_register(&film_device);

	if (ret)
		return ret;
	mutex_lock(&lock);
	loaded = true;
	mutex_unlock(&lock);
	return 0;
}

/* An open device holds the module, so the camera has no user any more. */
static void __exit stand_in_exit(void)
{
	misc_deregister(&film_device);
	mutex_lock(&lock);
	present = false;
	update();
	mutex_unlock(&lock);
	film_free(film);
}

module_init(stand_in_init);
module_exit(stand_in_exit);
MODULE_DESCRIPTION("Stand-in for the Raspberry Pi's camera, for tests");
MODULE_LICENSE("GPL");
