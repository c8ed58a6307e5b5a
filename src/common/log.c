/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	enum log_level level;
	log_sink sink;
	void *data;
	bool prefixes;
	log_event_sink event_sink;
	void *event_data;
} state = {.level = LOG_LEVEL_INFO};

void log_set_level(enum log_level level)
{
	state.level = level;
}

void log_set_sink(log_sink sink, void *data)
{
	state.sink = sink;
	state.data = data;
}

void log_set_prefixes(bool prefixes)
{
	state.prefixes = prefixes;
}

/*
 * A stranger's text must not do anything to a terminal, or begin a line of its
 * own.
 */
static void clean(char *line)
{
	size_t length = strlen(line);

	while (length && line[length - 1] == '\n')
		line[--length] = '\0';
	for (; *line; line++) {
		if ((unsigned char)*line < ' ' || *line == '\x7f')
			*line = *line == '\t' ? ' ' : '?';
	}
}

void log_set_event_sink(log_event_sink sink, void *data)
{
	state.event_sink = sink;
	state.event_data = data;
}

const char *log_event_name(enum log_event_kind kind)
{
	static const char *const names[LOG_EVENTS] = {
		[LOG_EVENT_NONE] = "none",
		[LOG_EVENT_UP] = "up",
		[LOG_EVENT_DOWN] = "down",
		[LOG_EVENT_CONNECTED] = "connected",
		[LOG_EVENT_DISCONNECTED] = "disconnected",
		[LOG_EVENT_REFUSED] = "refused",
		[LOG_EVENT_MOVED] = "moved",
		[LOG_EVENT_WARNING] = "warning",
	};

	return kind < LOG_EVENTS ? names[kind] : "unknown";
}

void log_event_line(enum log_level level, const struct log_event *event,
		    const char *line)
{
	char copy[LOG_LINE_SIZE];

	if (!state.event_sink || event->kind == LOG_EVENT_NONE) {
		log_plain(level, line);
		return;
	}
	snprintf(copy, sizeof(copy), "%s", line);
	clean(copy);
	state.event_sink(state.event_data, level, copy, event);
}

void log_line(enum log_level level, const char *line)
{
	const struct log_event event = {
		.kind = level <= LOG_LEVEL_WARNING ? LOG_EVENT_WARNING
						   : LOG_EVENT_NONE,
	};

	log_event_line(level, &event, line);
}

void log_event(enum log_level level, enum log_event_kind kind, const char *peer,
	       const char *format, ...)
{
	struct log_event event = {.kind = kind};
	char line[LOG_LINE_SIZE];
	va_list arguments;

	snprintf(event.peer, sizeof(event.peer), "%s", peer ? peer : "");
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	log_event_line(level, &event, line);
}

void log_plain(enum log_level level, const char *line)
{
	char copy[LOG_LINE_SIZE];

	if (level > state.level)
		return;
	snprintf(copy, sizeof(copy), "%s", line);
	clean(copy);
	if (state.sink)
		state.sink(state.data, level, copy);
	else if (state.prefixes)
		dprintf(STDERR_FILENO, "<%d>%s\n", (int)level, copy);
	else
		dprintf(STDERR_FILENO, "%s\n", copy);
}

static void __attribute__((format(printf, 2, 0)))
log_format(enum log_level level, const char *format, va_list arguments)
{
	char line[LOG_LINE_SIZE];

	/* Formatting is what a line costs that nobody wants. */
	if (level > state.level &&
	    (level > LOG_LEVEL_WARNING || !state.event_sink))
		return;
	vsnprintf(line, sizeof(line), format, arguments);
	log_line(level, line);
}

void log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_format(LOG_LEVEL_ERROR, format, arguments);
	va_end(arguments);
}

void log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_format(LOG_LEVEL_WARNING, format, arguments);
	va_end(arguments);
}

void log_notice(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_format(LOG_LEVEL_NOTICE, format, arguments);
	va_end(arguments);
}

void log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_format(LOG_LEVEL_INFO, format, arguments);
	va_end(arguments);
}

void log_debug(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_format(LOG_LEVEL_DEBUG, format, arguments);
	va_end(arguments);
}

bool log_allowed(struct log_limit *limit, double now, unsigned *suppressed)
{
	limit->rate.burst = limit->burst;
	limit->rate.per_second = limit->per_minute / 60.;
	if (!rate_allows(&limit->rate, now)) {
		limit->suppressed++;
		return false;
	}
	if (suppressed)
		*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
