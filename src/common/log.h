/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log: lines for the person who runs minivpn. A line goes to one sink,
 * which a process sets once: stderr at first; the host process writes its
 * file and syslog; the tunnel process hands its lines to host.
 */
#ifndef MINIVPN_COMMON_LOG_H
#define MINIVPN_COMMON_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rate.h"

/* Numbers are syslog's, as sd-daemon(3) prefixes them. */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* Longer lines are cut; with the zero. */
#define LOG_LINE_SIZE 512

/* A line that is about something that has happened, for who follows that. */
enum log_event_kind {
	LOG_EVENT_NONE, /* of interest in the log alone */
	LOG_EVENT_UP,
	LOG_EVENT_DOWN,
	LOG_EVENT_CONNECTED,
	LOG_EVENT_DISCONNECTED, /* also: lost */
	LOG_EVENT_REFUSED,
	LOG_EVENT_MOVED,
	LOG_EVENT_WARNING, /* any other line as urgent as that */
	LOG_EVENTS
};

#define LOG_EVENT_PEER 64 /* a peer's name with its zero */

struct log_event {
	uint32_t kind;		   /* enum log_event_kind */
	char peer[LOG_EVENT_PEER]; /* "": of none */
	/* What a peer that is disconnected has sent and got. */
	uint64_t rx_bytes, tx_bytes;
};

/* "up", "down", "connected" ... */
const char *log_event_name(enum log_event_kind kind);

/* Called with a line without a newline; must not log itself. */
typedef void (*log_sink)(void *data, enum log_level level, const char *line);

/* Lines less urgent than level are dropped. */
void log_set_level(enum log_level level);

/* sink NULL: stderr again, with "<N>" before each line where prefixes is set.
 */
void log_set_sink(log_sink sink, void *data);
void log_set_prefixes(bool prefixes);

/*
 * A sink of its own for lines that are an event, however urgent they have to be
 * (log_set_level()), and for warnings and errors. log_plain() is for it to
 * call. NULL: they go where all others do.
 */
typedef void (*log_event_sink)(void *data, enum log_level level,
			       const char *line, const struct log_event *event);
void log_set_event_sink(log_event_sink sink, void *data);

/* Hand a finished line of another process to the sink. */
void log_line(enum log_level level, const char *line);
/* The same, whether it is an event or not: never to the sink of those. */
void log_plain(enum log_level level, const char *line);

/* A line that is an event. peer NULL: it is about none. */
void log_event(enum log_level level, enum log_event_kind kind, const char *peer,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same with more to say, or of another process. */
void log_event_line(enum log_level level, const struct log_event *event,
		    const char *line);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * For lines that strangers can cause: a bucket of burst lines, refilled at
 * per_minute; full where all but these two is zero. log_allowed() returns
 * false where the line must not be logged, and counts it; *suppressed (may be
 * NULL) is how many were left out before one that is allowed. now: seconds, of
 * any monotonic clock.
 */
struct log_limit {
	unsigned burst, per_minute;
	struct rate rate;
	unsigned suppressed;
};

bool log_allowed(struct log_limit *limit, double now, unsigned *suppressed);

#endif
