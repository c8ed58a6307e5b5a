/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/host_internal.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/ipc/control_socket.h"
#include "host/change/transition.h"
#include "host/process/confine.h"
#include "host/daemon/name_servers.h"
#include "host/process/lock.h"
#include "host/process/notify.h"

/* `up` answers within 15 seconds; this leaves time to put things back. */
#define START_SECONDS 11.
/* The boot waits no longer than this for a server that does not answer. */
#define SERVICE_START_SECONDS 5.
/* Starting it again makes no difference: EX_CONFIG of sysexits.h. */
#define STATUS_FINAL 78
/*
 * Where a server answers, but takes its time: a handshake with a cookie, what
 * it says of addresses, and a first PING are five round trips.
 */
#define START_SECONDS_SLOW 40.
/* For processes of an earlier run that are just ending. */
#define LOCK_WAIT_MS 2000

int host_name_reason(const struct host *host, char *line, size_t size,
		     const char *text)
{
	return snprintf(line, size, "%s: %s", host->config->name, text);
}

int host_transition(struct host *host, const struct change_list *wanted,
		    char *reason, size_t size)
{
	return transition_to(host->journal, &host->context, wanted, reason,
			     size);
}

int host_ensure(struct host *host, const struct change *change, char *reason,
		size_t size)
{
	return transition_ensure(host->journal, &host->context, change, reason,
				 size);
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
	return host->service && host->config->role == CONFIG_CLIENT;
}

void host_tell(struct host *host, const char *text)
{
	char state[HOST_REASON_SIZE + 64];

	if (!host->service)
		return;
	snprintf(state, sizeof(state), "%sSTATUS=%s",
		 host->ready ? "" : "READY=1\n", text);
	host->ready = true;
	notify_send(state);
}

/*
 * One that ends before it was ready has failed (Type=notify), and is started
 * again; but not where somebody wanted it to end.
 */
static void tell_stopping(const struct host *host)
{
	char state[HOST_REASON_SIZE + 64];

	if (!host->service)
		return;
	snprintf(state, sizeof(state), "%sSTOPPING=1\nSTATUS=%s",
		 host->ready || host->status ? "" : "READY=1\n",
		 host->status ? host->reason : "down");
	notify_send(state);
}

/* Whoever wanted it does not any more: the kill switch is as it was before. */
static void interrupt(struct host *host)
{
	host->killswitch_lift = !host->killswitch_stays;
	host_stop(host, "interrupted");
}

/* To the one who waits for `up`: its parent, systemd, or nobody. */
static void report(struct host *host, char kind, const char *line)
{
	char text[HOST_REPORT_SIZE];

	if (kind == 'U' && !host->options.foreground)
		log_notice("%s", line);
	if (host->options.foreground) {
		if (kind == 'U') {
			printf("minivpn: %s\n", line);
			fflush(stdout);
			host_tell(host, line);
		} else {
			log_error("minivpn: %s", line);
		}
		return;
	}
	if (host->options.report_fd < 0)
		return;
	ev_io_stop(host->loop, &host->report);
	snprintf(text, sizeof(text), "%c%s", kind, line);
	if (kind == 'U')
		append_warnings(host, text, sizeof(text));
	if (send(host->options.report_fd, text, strlen(text), MSG_NOSIGNAL) <
	    0) {
		log_error("%s: whoever ran up can't be told: %s",
			  host->config->name, strerror(errno));
		/* It would wait for an answer for ever. */
		if (kind == 'U')
			interrupt(host);
	}
	close(host->options.report_fd);
	host->options.report_fd = -1;
}

void host_up(struct host *host)
{
	char line[HOST_REASON_SIZE];

	ev_timer_stop(host->loop, &host->deadline);
	if (host->state == HOST_STARTING) {
		host->started = ev_time();
		if (host->config->role == CONFIG_SERVER)
			host_server_line(host, line, sizeof(line));
		else
			host_client_line(host, line, sizeof(line));
		report(host, 'U', line);
	}
	/* Nobody knows of it: then it never was. */
	if (host->state == HOST_STOPPING)
		host->started = 0.;
	else
		host->state = HOST_UP;
}

void host_stop(struct host *host, const char *text)
{
	if (host->state == HOST_STOPPING)
		return;
	if (text) {
		char line[HOST_REASON_SIZE + CONFIG_NAME_SIZE];

		host_name_reason(host, line, sizeof(line), text);
		host->status = 1;
		if (!host->options.foreground)
			log_error("%s", line);
		snprintf(host->reason, sizeof(host->reason), "%s", text);
	}
	host->state = HOST_STOPPING;
	ev_break(host->loop, EVBREAK_ALL);
}

void host_stop_wanted(struct host *host)
{
	host->killswitch_lift = true;
	host_stop(host, host->state == HOST_STARTING && !host->service
				? "interrupted"
				: NULL);
}

/* No attempt of a service has come to its end yet. */
static void tell_what_for(struct host *host)
{
	char via[INET_ENDPOINT_TEXT], text[HOST_REASON_SIZE];

	if (host->reason[0])
		snprintf(text, sizeof(text), "%s", host->reason);
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
	char text[HOST_REASON_SIZE];

	(void)loop;
	(void)events;
	if (host_goes_on(host)) {
		tell_what_for(host);
		return;
	}
	snprintf(text, sizeof(text), "%.400s",
		 host->reason[0] ? host->reason
		 : host->endpoints.current.address.family == AF_UNSPEC
			 ? "the tunnel process does not answer"
			 : "no answer from the server in time");
	host_stop(host, text);
}

static void set_deadline(struct host *host, double seconds)
{
	double left = host->start_at + seconds - ev_now(host->loop);

	ev_timer_stop(host->loop, &host->deadline);
	ev_timer_set(&host->deadline, left > 0. ? left : 0., 0.);
	ev_timer_start(host->loop, &host->deadline);
}

void host_start_answered(struct host *host)
{
	if (host->state != HOST_STARTING || host->start_answered)
		return;
	host->start_answered = true;
	set_deadline(host, START_SECONDS_SLOW);
}

void host_start_lost(struct host *host, int error)
{
	if (host->state != HOST_STARTING || !host->start_answered)
		return;
	set_deadline(host, START_SECONDS);
	/* The next one that answers is another. */
	host->start_answered = error == -ETIMEDOUT;
}

static void stop_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
	struct host *host = watcher->data;

	(void)loop;
	(void)events;
	log_notice("%s: stopping on %s", host->config->name,
		   strsignal(watcher->signum));
	if (host->state == HOST_STARTING && !host->options.foreground) {
		interrupt(host);
		return;
	}
	/* Whether it is for good is known to the unit of the kill switch. */
	host->killswitch_lift = !host->service;
	/* In the foreground it has done what it was told: to end. */
	host_stop(host, NULL);
}

static void reload_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
	struct host *host = watcher->data;

	(void)loop;
	(void)events;
	host_reload(host);
}

/* Whoever ran `up` has gone before there was an answer: it was interrupted. */
static void report_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct host *host = watcher->data;
	char byte;

	(void)loop;
	(void)events;
	if (recv(watcher->fd, &byte, 1, MSG_DONTWAIT) == 0)
		interrupt(host);
}

static void watch(struct host *host)
{
	ev_signal_init(&host->sigterm, stop_signal, SIGTERM);
	ev_signal_init(&host->sigint, stop_signal, SIGINT);
	ev_signal_init(&host->sighup, reload_signal, SIGHUP);
	ev_timer_init(
		&host->deadline, deadline_passed,
		host_goes_on(host) ? SERVICE_START_SECONDS : START_SECONDS, 0.);
	host_client_init(host);
	host_tunnel_init(host);
	host_leases_init(host);
	host_reload_init(host);
	ev_io_init(&host->report, report_readable, host->options.report_fd,
		   EV_READ);
	host->sigterm.data = host->sigint.data = host->sighup.data = host;
	host->deadline.data = host->report.data = host;
	ev_signal_start(host->loop, &host->sigterm);
	ev_signal_start(host->loop, &host->sigint);
	ev_signal_start(host->loop, &host->sighup);
	host->start_at = ev_now(host->loop);
	ev_timer_start(host->loop, &host->deadline);
	if (host->options.report_fd >= 0)
		ev_io_start(host->loop, &host->report);
}

static int take_lock(struct host *host, char *reason, size_t size)
{
	const char *name = host->config->name;
	pid_t holder;
	int err, healed;

	err = lock_take(name, LOCK_WAIT_MS, &host->lock_fd, &holder);
	if (!err) {
		err = lock_hold_last(&host->lock_fd);
		if (err)
			lock_drop(name, host->lock_fd);
	}
	if (err == -EBUSY)
		snprintf(reason, size,
			 "is up already (process %d): minivpn down %s",
			 (int)holder, name);
	else if (err)
		lock_explain(err, reason, size);
	if (err)
		return err;
	healed = lock_heal(name);
	/* The kill switch is lifted only where it is not wanted any more. */
	if (healed >= 0 && !host->config->kill_switch)
		healed = lock_heal_killswitch(name);
	if (healed > 0)
		log_notice("%s: an earlier run was killed: %d changes put back",
			   name, healed);
	if (healed < 0) {
		snprintf(reason, size,
			 "what an earlier run left can't be put back: %s",
			 lock_heal_error(healed));
		return healed;
	}
	return 0;
}

static int open_journal(struct host *host, char *reason, size_t size)
{
	char path[PATH_MAX];
	int err;

	err = control_path(path, sizeof(path), host->config->name, "journal");
	if (!err)
		err = journal_create(path, &host->journal);
	if (err)
		snprintf(reason, size, "%.300s: %s", path, strerror(-err));
	return err;
}

/* Whatever it was, it took the tunnel process along. */
static void launcher_died(void *owner)
{
	host_stop(owner, "the launcher process was killed, which alone can "
			 "start the tunnel process");
}

static int start_janitor(struct host *host, bool inside)
{
	const struct janitor_privileges privileges = {
		.netns_fd = host->context.netns_fd,
		.config = host->config,
		.resolv_conf = host->context.resolv_conf,
	};

	host->janitor.loop = host->loop;
	host->janitor.lock_fd = host->lock_fd;
	host->janitor.launcher = host->launcher.pidfd;
	host->janitor.foreground = host->options.foreground;
	snprintf(host->janitor.tunnel, sizeof(host->janitor.tunnel), "%s",
		 host->config->name);
	return janitor_start(&host->janitor, inside ? &privileges : NULL);
}

/*
 * From here on we have no key, and no privileges but those for the network; nor
 * has the janitor, but for what it takes to enter and remove a network
 * namespace, where there is one.
 */
static int divide(struct host *host, char *reason, size_t size)
{
	bool inside = host->config->network_namespace;
	const char *what = "the launcher process";
	int err;

	err = launcher_start(&host->launcher, host->loop, host->config,
			     host->lock_fd, launcher_died, host);
	if (!err)
		config_hide_key(host->config);
	if (!err && inside) {
		what = "the janitor process";
		err = start_janitor(host, inside);
		if (!err)
			err = host_namespace_make(host, reason, size);
	}
	if (!err) {
		what = "privileges can't be given up";
		err = confine_host(host->config, host->context.resolv_conf);
		host->context.unprivileged = true;
	}
	if (!err && !inside) {
		what = "the janitor process";
		err = start_janitor(host, inside);
	}
	if (err && !reason[0])
		snprintf(reason, size, "%s: %s", what, strerror(-err));
	return err;
}

/* Each step says in reason why it failed. */
static int start(struct host *host, char *reason, size_t size)
{
	bool server = host->config->role == CONFIG_SERVER;
	int err;

	err = host_control_open(host, reason, size);
	if (err)
		return err;
	err = server ? host_server_open_sockets(host, reason, size)
		     : host_client_open_sockets(host);
	if (err)
		return err;
	err = change_context_open(&host->context);
	if (err) {
		snprintf(reason, size, "netlink: %s", strerror(-err));
		return err;
	}
	err = host_namespace_open(host, reason, size);
	if (err)
		return err;
	err = open_journal(host, reason, size);
	if (err)
		return err;
	err = divide(host, reason, size);
	if (err)
		return err;
	err = server ? host_server_prepare(host, reason, size)
		     : host_client_prepare(host, reason, size);
	if (err)
		return err;
	host_monitor_start(host);
	err = host_tunnel_start(host);
	if (err)
		snprintf(reason, size,
			 "the tunnel process can't be started: %s",
			 strerror(-err));
	return err;
}

static bool put_back(struct host *host, bool *closed)
{
	bool lifted;
	int left = 0;

	if (host->journal) {
		left = host_namespace_revert(host);
		journal_close(host->journal);
	}
	lifted = host_killswitch_end(host, closed);
	change_context_close(&host->context);
	rtnl_close(host->outside);
	host->outside = NULL;
	return left == 0 && lifted;
}

/* Adds to why it has ended what is to be done now. */
static void explain(struct host *host, bool clean, bool closed)
{
	size_t used = strlen(host->reason);
	char *end = host->reason + used;
	size_t room = sizeof(host->reason) - used;

	if (!clean)
		snprintf(end, room,
			 " (not everything could be put back: minivpn down %s "
			 "tries again)",
			 host->config->name);
	else if (closed)
		snprintf(end, room,
			 " (the kill switch stays: nothing leaves until "
			 "minivpn down %s)",
			 host->config->name);
}

static void stop(struct host *host)
{
	char line[HOST_REASON_SIZE + CONFIG_NAME_SIZE];
	bool clean, closed;

	host->state = HOST_STOPPING;
	monitor_close(host->monitor);
	host->monitor = NULL;
	tell_stopping(host);
	host_tunnel_stop(host);
	launcher_dismiss(&host->launcher);
	host_client_free(host);
	host_reload_free(host);
	host_name_servers_stop(host);
	clean = put_back(host, &closed);
	janitor_dismiss(&host->janitor);
	if (!clean) {
		host->status = 1;
		log_error("%s: not everything could be put back: the log says "
			  "what; minivpn down %s tries again",
			  host->config->name, host->config->name);
	}
	/* In the foreground it stands in the last line. */
	if (closed && !host->options.foreground)
		log_warning("%s: the kill switch stays: nothing leaves this "
			    "host until minivpn down %s",
			    host->config->name, host->config->name);
	for (unsigned i = 0; i < host->udp_count; i++) {
		if (host->udp_fds[i] >= 0)
			close(host->udp_fds[i]);
	}
	host_leases_free(host);
	/* Why it fails stands in a line of its own, the last. */
	if (!host->options.foreground || !host->status)
		log_notice("%s: down", host->config->name);
	lock_drop(host->config->name, host->lock_fd);
	host_control_stopped(host, clean);
	host_control_close(host);
	if (host->status && host->reason[0]) {
		explain(host, clean, closed);
		host_name_reason(host, line, sizeof(line), host->reason);
		report(host, 'F', line);
	}
}

static void run(struct host *host)
{
	char reason[HOST_REASON_SIZE] = "";

	if (!host->options.foreground &&
	    log_file_open(&host->log, host->config->name))
		log_warning("RUNDIR/%s.log can't be written",
			    host->config->name);
	/* What can't be put right is in the way of resolv_conf_apply() alone.
	 */
	lock_heal_resolv_conf(host->config->name, true);
	watch(host);
	if (start(host, reason, sizeof(reason)))
		host_stop(host, reason);
	else
		ev_run(host->loop, 0);
	stop(host);
	log_file_close(host->log);
}

int host_run(struct config *config, const struct host_options *options)
{
	struct host host = {
		.config = config,
		.options = *options,
		.lock_fd = -1,
		.context = CHANGE_CONTEXT_NONE,
		.janitor = {.fd = -1},
		.launcher = {.fd = -1, .pidfd = -1},
	};
	char reason[HOST_REASON_SIZE], line[HOST_REASON_SIZE + 64];
	int err;

	host.service = options->foreground && getenv("NOTIFY_SOCKET");
	signal(SIGPIPE, SIG_IGN);
	log_set_level(config->log_level);
	log_set_prefixes(options->foreground && getenv("JOURNAL_STREAM"));
	host.loop = ev_loop_new(EVFLAG_AUTO);
	if (!host.loop) {
		log_error("%s: no event loop can be made", config->name);
		config_free(config);
		return 1;
	}
	err = take_lock(&host, reason, sizeof(reason));
	if (err) {
		host_name_reason(&host, line, sizeof(line), reason);
		report(&host, 'F', line);
		host.status =
			err == -EBUSY && options->foreground ? STATUS_FINAL : 1;
	} else {
		run(&host);
	}
	ev_loop_destroy(host.loop);
	config_free(host.config);
	return host.status;
}
