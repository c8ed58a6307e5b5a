/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/host_private.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/control.h"
#include "host/confine.h"
#include "host/host_dns.h"
#include "host/lock.h"
#include "host/notify.h"

/* `up` answers within 15 seconds; this leaves time to put things back. */
#define START_SECONDS 11.
/* For processes of an earlier run that are just ending. */
#define LOCK_WAIT_MS 2000

int host_name_reason(const struct host *host, char *line, size_t size,
		     const char *text)
{
	return snprintf(line, size, "%s: %s", host->config->name, text);
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
			notify_send("READY=1");
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
			host_stop(host, "interrupted");
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

static void deadline_passed(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct host *host = timer->data;
	char text[HOST_REASON_SIZE];

	(void)loop;
	(void)events;
	snprintf(text, sizeof(text), "%.400s",
		 host->reason[0] ? host->reason
		 : host->endpoints.current.address.family == AF_UNSPEC
			 ? "the tunnel process does not answer"
			 : "no answer from the server in time");
	host_stop(host, text);
}

static void stop_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
	struct host *host = watcher->data;

	(void)loop;
	(void)events;
	log_notice("%s: stopping on %s", host->config->name,
		   strsignal(watcher->signum));
	/* In the foreground it has done what it was told: to end. */
	if (host->state == HOST_STARTING && !host->options.foreground)
		host_stop(host, "interrupted");
	else
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
		host_stop(host, "interrupted");
}

static void watch(struct host *host)
{
	ev_signal_init(&host->sigterm, stop_signal, SIGTERM);
	ev_signal_init(&host->sigint, stop_signal, SIGINT);
	ev_signal_init(&host->sighup, reload_signal, SIGHUP);
	ev_timer_init(&host->deadline, deadline_passed, START_SECONDS, 0.);
	host_tunnel_init(host);
	host_lease_init(host);
	host_reload_init(host);
	ev_io_init(&host->report, report_readable, host->options.report_fd,
		   EV_READ);
	host->sigterm.data = host->sigint.data = host->sighup.data = host;
	host->deadline.data = host->report.data = host;
	ev_signal_start(host->loop, &host->sigterm);
	ev_signal_start(host->loop, &host->sigint);
	ev_signal_start(host->loop, &host->sighup);
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
		snprintf(reason, size, "%s: %s", control_rundir(),
			 strerror(-err));
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
static void nursery_died(void *owner)
{
	host_stop(owner, "the nursery process was killed, which alone can "
			 "start the tunnel process");
}

static int start_janitor(struct host *host, bool inside)
{
	const struct janitor_privileges privileges = {
		.netns_fd = host->context.netns_fd,
		.config = host->config,
		.resolver = host->context.resolv_conf,
	};

	return janitor_start(&host->janitor, host->loop, host->config->name,
			     host->lock_fd, host->options.foreground,
			     inside ? &privileges : NULL);
}

/*
 * From here on we have no key, and no privileges but those for the network; nor
 * has the janitor, but for what it takes to enter and remove a network
 * namespace, where there is one.
 */
static int divide(struct host *host, char *reason, size_t size)
{
	bool inside = host->config->network_namespace;
	const char *what = "the nursery process";
	int err;

	err = nursery_start(&host->nursery, host->loop, host->config,
			    host->lock_fd, nursery_died, host);
	if (!err)
		config_hide_key(host->config);
	if (!err && inside) {
		what = "the janitor process";
		err = start_janitor(host, inside);
		if (!err)
			err = host_netns_make(host, reason, size);
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
	err = host_netns_open(host, reason, size);
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

static bool put_back(struct host *host)
{
	bool lifted;
	int left = 0;

	if (host->journal) {
		left = host_netns_revert(host);
		journal_close(host->journal);
	}
	lifted = host_killswitch_end(host);
	change_context_close(&host->context);
	rtnl_close(host->outside);
	host->outside = NULL;
	return left == 0 && lifted;
}

static void stop(struct host *host)
{
	char line[HOST_REASON_SIZE + CONFIG_NAME_SIZE];
	bool clean;

	host->state = HOST_STOPPING;
	monitor_close(host->monitor);
	host->monitor = NULL;
	if (host->options.foreground)
		notify_send("STOPPING=1");
	host_tunnel_stop(host);
	nursery_dismiss(&host->nursery);
	host_client_free(host);
	host_reload_free(host);
	host_dns_stop(host);
	clean = put_back(host);
	janitor_dismiss(&host->janitor);
	if (!clean) {
		host->status = 1;
		log_error("%s: not everything could be put back: the log says "
			  "what; minivpn down %s tries again",
			  host->config->name, host->config->name);
	}
	for (unsigned i = 0; i < host->udp_count; i++) {
		if (host->udp_fds[i] >= 0)
			close(host->udp_fds[i]);
	}
	host_lease_free(host);
	log_notice("%s: down", host->config->name);
	lock_drop(host->config->name, host->lock_fd);
	host_control_stopped(host, clean);
	host_control_close(host);
	if (host->status && host->reason[0]) {
		if (!clean)
			snprintf(host->reason + strlen(host->reason),
				 sizeof(host->reason) - strlen(host->reason),
				 " (not everything could be put back: minivpn "
				 "down %s tries again)",
				 host->config->name);
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
	/* What can't be put right is in the way of resolver_apply() alone. */
	lock_heal_resolver(host->config->name, true);
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
		.nursery = {.fd = -1},
	};
	char reason[HOST_REASON_SIZE], line[HOST_REASON_SIZE + 64];

	signal(SIGPIPE, SIG_IGN);
	log_set_level(config->log_level);
	log_set_prefixes(options->foreground && getenv("JOURNAL_STREAM"));
	host.loop = ev_loop_new(EVFLAG_AUTO);
	if (!host.loop) {
		log_error("%s: no event loop can be made", config->name);
		config_free(config);
		return 1;
	}
	if (take_lock(&host, reason, sizeof(reason))) {
		host_name_reason(&host, line, sizeof(line), reason);
		report(&host, 'F', line);
		host.status = 1;
	} else {
		run(&host);
	}
	ev_loop_destroy(host.loop);
	config_free(host.config);
	return host.status;
}
