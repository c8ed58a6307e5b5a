/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has happened, kept for those who follow it. The newest few are kept once
 * for all readers, and each reader knows which it had last: so one that is slow
 * loses the oldest, is told how many, and costs neither memory nor anybody's
 * time. Who the readers are is for control.c to know.
 */
#ifndef MINIVPN_HOST_DAEMON_EVENTS_H
#define MINIVPN_HOST_DAEMON_EVENTS_H

#include <stdint.h>

#include "common/log.h"

#define EVENTS_KEPT    256
#define EVENTS_READERS 8

struct events_entry;

/* All zero: nobody reads. */
struct events {
	struct events_entry *ring; /* only while there are readers */
	uint64_t count;		   /* that ever were */
	unsigned readers;
};

/*
 * One more reader, of what comes from now on. -EBUSY: there are as many as
 * there may be; -ENOMEM.
 */
int events_join(struct events *events, uint64_t *next);
void events_leave(struct events *events);

/* One has happened, at now (Unix time). Nothing where nobody reads. */
void events_put(struct events *events, double now, enum log_level level,
		const char *line, const struct log_event *event);

/*
 * The next one for a reader, an object of JSON in one line with its newline;
 * malloc'd, NULL: there is none now, or no memory. tunnel: whose it is.
 */
char *events_take(const struct events *events, const char *tunnel,
		  uint64_t *next);

#endif
