/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/lifecycle.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/daemon/warning.h"
#include "host/process/notify.h"

/* `up` answers within 15 seconds; this leaves time to put things back. */
#define START_SECONDS 11.
/* The boot waits no longer than this for a server that does not answer. */
#define SERVICE_START_SECONDS 5.
/*
 * Where a server answers, but takes its time: a handshake with a cookie, what
 * it says of addresses, and a first PING are five round trips.
 */
#define START_SECONDS_SLOW 40.

/* "client: " and text, as all errors about this tunnel begin. */
static void name_reason(const struct host *host, char *line, size_t size,
			const char *text)
{
	snprintf(line, size, "%s: %s", host->config->name, text);
}

/* Whoever waits in the foreground has read them in the log. */
static void append_warnings(const struct host *host, char *text, size_t size)
{
	const char *warning;

	for (unsigned i = 0; (warning = host_warning(host, i)) != NULL; i++) {
		size_t used = strlen(text);

		snprintf(text + used, size - used, "\n%s: %s",
			 host->config->name, warning);
	}
}

bool host_goes_on(const struct host *host)
{
	return host->lifecycle->service && host->config->role == CONFIG_CLIENT;
}

void host_tell(struct host *host, const char *text)
{
	struct host_lifecycle *lifecycle = host->lifecycle;
	char state[HOST_REASON_SIZE + 64];

	if (!lifecycle->service)
		return;
	snprintf(state, sizeof(state), "%sSTATUS=%s",
		 lifecycle->ready ? "" : "READY=1\n", text);
	lifecycle->ready = true;
	notify_send(state);
}

/*
 * One that ends before it was ready has failed (Type=notify), and is started
 * again; but not where somebody wanted it to end.
 */
void host_tell_stopping(struct host *host)
{
	const struct host_lifecycle *lifecycle = host->lifecycle;
	char state[HOST_REASON_SIZE + 64];

	if (!lifecycle->service)
		return;
	snprintf(state, sizeof(state), "%sSTOPPING=1\nSTATUS=%s",
		 lifecycle->ready || lifecycle->status ? "" : "READY=1\n",
		 lifecycle->status ? lifecycle->reason : "down");
	notify_send(state);
}

/* Whoever wanted it does not any more. */
static void interrupt(struct host *host)
{
	host->lifecycle->end = HOST_END_UNDONE;
	host_stop(host, "interrupted");
}

/* To the one who waits for `up`: its parent, systemd, or nobody. */
static void report(struct host *host, char kind, const char *line)
{
	struct host_lifecycle *lifecycle = host->lifecycle;
	char text[HOST_REPORT_SIZE];

	/* In the foreground it stands on standard output. */
	if (kind == 'U')
		log_event(lifecycle->options.foreground ? LOG_LEVEL_DEBUG
							: LOG_LEVEL_NOTICE,
			  LOG_EVENT_UP, NULL, "%s", line);
	if (lifecycle->options.foreground) {
		if (kind == 'U') {
			printf("minivpn: %s\n", line);
			fflush(stdout);
			host_tell(host, line);
		} else {
			log_error("minivpn: %s", line);
		}
		return;
	}
	if (lifecycle->options.report_fd < 0)
		return;
	ev_io_stop(host->loop, &lifecycle->report);
	snprintf(text, sizeof(text), "%c%s", kind, line);
	if (kind == 'U')
		append_warnings(host, text, sizeof(text));
	if (send(lifecycle->options.report_fd, text, strlen(text),
		 MSG_NOSIGNAL) < 0) {
		log_error("%s: whoever ran up can't be told: %s",
			  host->config->name, strerror(errno));
		/* It would wait for an answer for ever. */
		if (kind == 'U')
			interrupt(host);
	}
	close(lifecycle->options.report_fd);
	lifecycle->options.report_fd = -1;
}

void host_tell_failed(struct host *host, const char *reason)
{
	char line[HOST_REASON_SIZE + CONFIG_NAME_SIZE];

	name_reason(host, line, sizeof(line), reason);
	report(host, 'F', line);
}

void host_up(struct host *host, const char *line)
{
	struct host_lifecycle *lifecycle = host->lifecycle;

	ev_timer_stop(host->loop, &lifecycle->deadline);
	if (host->state == HOST_STARTING) {
		lifecycle->started = ev_time();
		report(host, 'U', line);
	}
	/* Nobody knows of it: then it never was. */
	if (host->state == HOST_STOPPING)
		lifecycle->started = 0.;
	else
		host->state = HOST_UP;
}

double host_uptime(const struct host *host)
{
	double started = host->lifecycle->started;

	return started > 0. ? ev_time() - started : 0.;
}

void host_stop(struct host *host, const char *text)
{
	struct host_lifecycle *lifecycle = host->lifecycle;

	if (host->state == HOST_STOPPING)
		return;
	if (text) {
		char line[HOST_REASON_SIZE + CONFIG_NAME_SIZE];

		name_reason(host, line, sizeof(line), text);
		lifecycle->status = 1;
		if (!lifecycle->options.foreground)
			log_error("%s", line);
		/* It may be the last attempt's, which is there already. */
		memmove(lifecycle->reason, text,
			strnlen(text, HOST_REASON_SIZE - 1) + 1);
		lifecycle->reason[HOST_REASON_SIZE - 1] = '\0';
	}
	host->state = HOST_STOPPING;
	ev_break(host->loop, EVBREAK_ALL);
}

void host_stop_wanted(struct host *host)
{
	host->lifecycle->end = HOST_END_WANTED;
	host_stop(host,
		  host->state == HOST_STARTING && !host->lifecycle->service
			  ? "interrupted"
			  : NULL);
}

void host_stop_signalled(struct host *host, int number)
{
	const struct host_lifecycle *lifecycle = host->lifecycle;

	log_notice("%s: stopping on %s", host->config->name, strsignal(number));
	if (host->state == HOST_STARTING && !lifecycle->options.foreground) {
		interrupt(host);
		return;
	}
	/* The unit of the kill switch knows whether it is for good. */
	host->lifecycle->end =
		lifecycle->service ? HOST_END_BY_ITSELF : HOST_END_WANTED;
	/* In the foreground it has done what it was told: to end. */
	host_stop(host, NULL);
}

/* No attempt of a service has come to its end yet. */
static void tell_what_for(struct host *host)
{
	const char *reason = host->lifecycle->reason;
	char via[INET_ENDPOINT_TEXT], text[HOST_REASON_SIZE];

	if (reason[0])
		snprintf(text, sizeof(text), "%s", reason);
	else if (host->endpoints.current.address.family == AF_UNSPEC)
		snprintf(text, sizeof(text),
			 "waiting for the address of %.200s",
			 host->config->servers[0].host);
	else
		snprintf(text, sizeof(text), "waiting for an answer from %s",
			 inet_format_endpoint(&host->endpoints.current, via,
					      sizeof(via)));
	host_tell(host, text);
}

static void deadline_passed(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct host *host = timer->data;
	const char *reason = host->lifecycle->reason;
	char text[HOST_REASON_SIZE];

	(void)loop;
	(void)events;
	if (host_goes_on(host)) {
		tell_what_for(host);
		return;
	}
	snprintf(text, sizeof(text), "%.400s",
		 reason[0] ? reason
		 : host->endpoints.current.address.family == AF_UNSPEC
			 ? "the tunnel process does not answer"
			 : "no answer from the server in time");
	host_stop(host, text);
}

static void set_deadline(struct host *host, double left)
{
	ev_timer *deadline = &host->lifecycle->deadline;

	ev_timer_stop(host->loop, deadline);
	ev_timer_set(deadline, left > 0. ? left : 0., 0.);
	ev_timer_start(host->loop, deadline);
}

static double left_of(const struct host *host, double seconds)
{
	return host->lifecycle->start_at + seconds - ev_now(host->loop);
}

void host_start_answered(struct host *host)
{
	struct host_lifecycle *lifecycle = host->lifecycle;

	if (host->state != HOST_STARTING || lifecycle->start_answered)
		return;
	lifecycle->start_answered = true;
	set_deadline(host, left_of(host, START_SECONDS_SLOW));
}

void host_attempt_failed(struct host *host, int error, const char *reason)
{
	struct host_lifecycle *lifecycle = host->lifecycle;

	snprintf(lifecycle->reason, sizeof(lifecycle->reason), "%s", reason);
	host_tell(host, reason);
	if (host->state != HOST_STARTING || !lifecycle->start_answered)
		return;
	set_deadline(host, left_of(host, START_SECONDS));
	/* The next one that answers is another, but for one that is silent. */
	lifecycle->start_answered = error == -ETIMEDOUT;
}

double host_start_left(const struct host *host)
{
	return ev_timer_remaining(host->loop, &host->lifecycle->deadline);
}

void host_start_prolong(struct host *host, double left)
{
	ev_now_update(host->loop);
	if (ev_is_active(&host->lifecycle->deadline))
		set_deadline(host, left);
}

/* Whoever ran `up` has gone before there was an answer: it was interrupted. */
static void report_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	char byte;

	(void)loop;
	(void)events;
	if (recv(watcher->fd, &byte, 1, MSG_DONTWAIT) == 0)
		interrupt(watcher->data);
}

void host_lifecycle_begin(struct host *host)
{
	struct host_lifecycle *lifecycle = host->lifecycle;
	int fd = lifecycle->options.report_fd;

	ev_timer_init(
		&lifecycle->deadline, deadline_passed,
		host_goes_on(host) ? SERVICE_START_SECONDS : START_SECONDS, 0.);
	ev_io_init(&lifecycle->report, report_readable, fd, EV_READ);
	lifecycle->deadline.data = lifecycle->report.data = host;
	lifecycle->start_at = ev_now(host->loop);
	ev_timer_start(host->loop, &lifecycle->deadline);
	if (fd >= 0)
		ev_io_start(host->loop, &lifecycle->report);
}
