/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/dns/resolv_conf_watch.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* A burst of events is over after this many seconds without one. */
#define QUIET_SECONDS .1
/* Who never stops to write is told of within this. */
#define BURST_SECONDS 1.

#define IN_DIRECTORY                                                           \
	(IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_CLOSE_WRITE)

struct resolv_conf_watch {
	struct ev_loop *loop;
	int fd;
	const char *path;
	const char *name; /* the last part of path */
	int file;	  /* the watch of the file itself */
	ev_io io;
	ev_timer quiet;
	ev_tstamp began; /* of the burst, while quiet is active */
	resolv_conf_changed changed;
	void *owner;
};

/*
 * The file as well as its directory: where another file is mounted on it, what
 * is written there is no event of this directory.
 */
static void watch_file(struct resolv_conf_watch *watch)
{
	if (watch->file >= 0)
		inotify_rm_watch(watch->fd, watch->file);
	watch->file = inotify_add_watch(watch->fd, watch->path, IN_CLOSE_WRITE);
}

static bool is_about_it(const struct resolv_conf_watch *watch,
			const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW)
		return true;
	if (event->wd == watch->file)
		return event->mask & IN_CLOSE_WRITE;
	return event->len > 0 && strcmp(event->name, watch->name) == 0;
}

static void readable(struct ev_loop *loop, ev_io *io, int events)
{
	_Alignas(struct inotify_event) char buffer[4096];
	struct resolv_conf_watch *watch = io->data;
	ssize_t length = read(watch->fd, buffer, sizeof(buffer));
	bool any = false;

	(void)events;
	/* The kernel gives whole events only. */
	for (ssize_t at = 0; at < length;) {
		const struct inotify_event *event = (void *)(buffer + at);

		any |= is_about_it(watch, event);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	if (!any)
		return;
	if (!ev_is_active(&watch->quiet))
		watch->began = ev_now(loop);
	if (ev_now(loop) - watch->began < BURST_SECONDS)
		ev_timer_again(loop, &watch->quiet);
}

static void quiet(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct resolv_conf_watch *watch = timer->data;

	(void)events;
	ev_timer_stop(loop, timer);
	watch_file(watch);
	watch->changed(watch->owner);
}

static int watch_directory(struct resolv_conf_watch *watch)
{
	char directory[PATH_MAX];

	if (snprintf(directory, sizeof(directory), "%s", watch->path) >=
	    (int)sizeof(directory))
		return -ENAMETOOLONG;
	return inotify_add_watch(watch->fd, dirname(directory),
				 IN_DIRECTORY | IN_ONLYDIR) < 0
		       ? -errno
		       : 0;
}

int resolv_conf_watch_start(struct resolv_conf_watch **result,
			    struct ev_loop *loop, const char *path,
			    resolv_conf_changed changed, void *owner)
{
	struct resolv_conf_watch *watch = calloc(1, sizeof(*watch));
	const char *slash = strrchr(path, '/');
	int err;

	*result = NULL;
	if (!watch)
		return -ENOMEM;
	*watch = (struct resolv_conf_watch){
		.loop = loop,
		.path = path,
		.name = slash ? slash + 1 : path,
		.file = -1,
		.changed = changed,
		.owner = owner,
	};
	ev_init(&watch->io, readable);
	ev_init(&watch->quiet, quiet);
	watch->quiet.repeat = QUIET_SECONDS;
	watch->io.data = watch->quiet.data = watch;
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	err = watch->fd < 0 ? -errno : watch_directory(watch);
	if (err) {
		resolv_conf_watch_stop(watch);
		return err;
	}
	watch_file(watch);
	ev_io_set(&watch->io, watch->fd, EV_READ);
	ev_io_start(loop, &watch->io);
	*result = watch;
	return 0;
}

void resolv_conf_watch_stop(struct resolv_conf_watch *watch)
{
	if (!watch)
		return;
	ev_io_stop(watch->loop, &watch->io);
	ev_timer_stop(watch->loop, &watch->quiet);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
}
