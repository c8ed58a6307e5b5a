/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/events.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct events_entry {
	double when;
	enum log_level level;
	struct log_event event;
	char line[LOG_LINE_SIZE];
};

int events_join(struct events *events, uint64_t *next)
{
	if (events->readers >= EVENTS_READERS)
		return -EBUSY;
	if (!events->ring)
		events->ring = calloc(EVENTS_KEPT, sizeof(*events->ring));
	if (!events->ring)
		return -ENOMEM;
	events->readers++;
	*next = events->count;
	return 0;
}

void events_leave(struct events *events)
{
	if (--events->readers)
		return;
	free(events->ring);
	events->ring = NULL;
}

void events_put(struct events *events, double now, enum log_level level,
		const char *line, const struct log_event *event)
{
	struct events_entry *entry;

	if (!events->ring)
		return;
	entry = &events->ring[events->count++ % EVENTS_KEPT];
	entry->when = now;
	entry->level = level;
	entry->event = *event;
	snprintf(entry->line, sizeof(entry->line), "%s", line);
}

/* A line with its newline; takes over the object. */
static char *print(json_t *object)
{
	char *text = object ? json_dumps(object,
					 JSON_COMPACT | JSON_REAL_PRECISION(13))
			    : NULL;
	char *line = NULL;

	json_decref(object);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

static char *print_entry(const struct events_entry *entry, const char *tunnel)
{
	const struct log_event *event = &entry->event;
	json_t *text = json_string(entry->line);
	json_t *object;

	/* A line that was cut within a letter is none in JSON. */
	if (!text)
		text = json_string("");
	object = json_pack("{s:f,s:s,s:s,s:i,s:o}", "time", entry->when,
			   "tunnel", tunnel, "event",
			   log_event_name(event->kind), "level",
			   (int)entry->level, "text", text);
	if (object && event->peer[0])
		json_object_set_new(object, "peer", json_string(event->peer));
	if (object && event->kind == LOG_EVENT_DISCONNECTED && event->peer[0]) {
		json_object_set_new(object, "rx_bytes",
				    json_integer((json_int_t)event->rx_bytes));
		json_object_set_new(object, "tx_bytes",
				    json_integer((json_int_t)event->tx_bytes));
	}
	return print(object);
}

static char *print_lost(const struct events_entry *oldest, const char *tunnel,
			uint64_t count)
{
	return print(json_pack("{s:f,s:s,s:s,s:I}", "time", oldest->when,
			       "tunnel", tunnel, "event", "lost", "count",
			       (json_int_t)count));
}

char *events_take(const struct events *events, const char *tunnel,
		  uint64_t *next)
{
	uint64_t oldest =
		events->count > EVENTS_KEPT ? events->count - EVENTS_KEPT : 0;
	uint64_t first = *next;

	if (first == events->count)
		return NULL;
	if (first < oldest) {
		*next = oldest;
		return print_lost(&events->ring[oldest % EVENTS_KEPT], tunnel,
				  oldest - first);
	}
	(*next)++;
	return print_entry(&events->ring[first % EVENTS_KEPT], tunnel);
}
