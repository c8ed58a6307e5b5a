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

/* Called with a line without a newline; must not log itself. */
typedef void (*log_sink)(void *data, enum log_level level, const char *line);

/* Lines less urgent than level are dropped. */
void log_set_level(enum log_level level);

/* sink NULL: stderr again, with "<N>" before each line where prefixes is set.
 */
void log_set_sink(log_sink sink, void *data);
void log_set_prefixes(bool prefixes);

/* Hand a finished line of another process to the sink. */
void log_line(enum log_level level, const char *line);

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
