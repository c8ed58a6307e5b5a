/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host process from its start to its end: an ordered list of what is set
 * up, undone in reverse, and who is told of what the parts report.
 */
#include "host/host.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/control_socket.h"
#include "common/reason.h"
#include "host/daemon/block.h"
#include "host/daemon/client.h"
#include "host/daemon/control.h"
#include "host/daemon/firewall.h"
#include "host/daemon/killswitch.h"
#include "host/daemon/leases.h"
#include "host/daemon/lifecycle.h"
#include "host/daemon/monitor.h"
#include "host/daemon/mtu.h"
#include "host/daemon/name_servers.h"
#include "host/daemon/namespace.h"
#include "host/daemon/peer_routes.h"
#include "host/daemon/reload.h"
#include "host/daemon/restore.h"
#include "host/daemon/routing.h"
#include "host/daemon/server.h"
#include "host/daemon/tunnel.h"
#include "host/daemon/uplink.h"
#include "host/daemon/usage.h"
#include "host/daemon/warning.h"
#include "host/process/confine.h"
#include "host/process/janitor.h"
#include "host/process/lock.h"
#include "host/process/log_file.h"

/* Starting it again makes no difference: EX_CONFIG of sysexits.h. */
#define STATUS_FINAL 78
/*
 * Processes of an earlier run that are ending hold the lock no longer than
 * this.
 */
#define LOCK_WAIT_MS 2000

/* All that there is of it; host, by which the parts know it, comes first. */
struct daemon {
	struct host host;
	struct host_control *control;
	struct janitor janitor;
	struct log_file *log;
	int lock_fd;
	ev_signal sigterm, sigint, sighup;

	struct host_block block;
	struct host_client client;
	struct host_killswitch killswitch;
	struct host_leases leases;
	struct host_lifecycle lifecycle;
	struct host_monitor monitor;
	struct host_mtu mtu;
	struct host_name_servers name_servers;
	struct host_namespace namespace;
	struct host_peer_routes peer_routes;
	struct host_reload reload;
	struct host_restore restore;
	struct host_tunnel tunnel;
	struct host_uplink uplink;
	struct host_usage usage;
	struct host_warnings warnings;
};

static struct host_control *control_of(struct host *host)
{
	return ((struct daemon *)host)->control;
}

static bool is_server(const struct host *host)
{
	return host->config->role == CONFIG_SERVER;
}

static void tunnel_ready(struct host *host)
{
	const struct channel_message start = {.type = CHANNEL_START};

	if (is_server(host))
		host_server_ready(host);
	else
		host_tunnel_send(host, &start);
	host_reload_ready(host);
}

static void tun_refuses(struct host *host, int err)
{
	char text[HOST_REASON_SIZE];

	snprintf(text, sizeof(text),
		 "the tun device refuses joined packets, which it said that it "
		 "takes (%s): they are written one by one, which is slower",
		 strerror(-err));
	host_warn(host, HOST_WARNING_TUN, text);
}

/* The policy lets no other types pass, nor those of the other role. */
static void tunnel_message(struct host *host,
			   const struct channel_message *message)
{
	switch ((enum channel_type)message->type) {
	case CHANNEL_READY:
		tunnel_ready(host);
		return;
	case CHANNEL_LOADED:
		host_reload_loaded(host, message);
		return;
	case CHANNEL_FAILED:
		host_stop(host, message->lost.reason);
		return;
	case CHANNEL_STATUS_PEER:
		host_usage_note(host, &message->peer);
		host_control_peer(control_of(host), &message->peer);
		return;
	case CHANNEL_STATUS_END:
		host_control_status_end(control_of(host), &message->total);
		return;
	case CHANNEL_LEASE_TAKEN:
		host_leases_taken(host, message);
		return;
	case CHANNEL_USAGE:
		host_usage_take(host, message);
		return;
	case CHANNEL_PEERS:
		host_peer_routes_take(host, message);
		return;
	case CHANNEL_ENDPOINT_WANTED:
		host_client_next_endpoint(host);
		return;
	case CHANNEL_ANSWERED:
		host_client_answered(host, &message->answered);
		return;
	case CHANNEL_CONFIG:
		host_client_config(host, &message->settings);
		return;
	case CHANNEL_TUN_REFUSES:
		tun_refuses(host, message->tun_refuses.error);
		return;
	case CHANNEL_UP:
		host_client_up(host, message->up.rtt_us);
		return;
	case CHANNEL_MTU:
		if (!is_server(host))
			host_mtu_found(host, message->mtu);
		return;
	case CHANNEL_LOST:
		host_client_lost(host, message->lost.error,
				 message->lost.reason);
		return;
	case CHANNEL_LOG:
	case CHANNEL_LEASE:
	case CHANNEL_START:
	case CHANNEL_ENDPOINTS:
	case CHANNEL_CONFIGURED:
	case CHANNEL_MOVED:
	case CHANNEL_STATUS_WANTED:
	case CHANNEL_DISCONNECT:
	case CHANNEL_PEM:
	case CHANNEL_RELOAD:
	case CHANNEL_TAKE:
	case CHANNEL_STOP:
	case CHANNEL_TYPES:
		return;
	}
}

/* Whoever waits for `status` gets what there is. */
static void tunnel_ended(struct host *host)
{
	host_control_status_end(control_of(host), NULL);
	if (host->state != HOST_STOPPING) {
		host_reload_interrupted(host);
		/* The next one finds out for itself. */
		host_warn(host, HOST_WARNING_TUN, NULL);
	}
	host_peer_routes_end(host);
	host_usage_end(host);
}

static void tunnel_stale(struct host *host)
{
	host_control_status_delayed(control_of(host));
}

static void tunnel_drained(struct host *host)
{
	if (is_server(host))
		host_server_drained(host);
}

static const struct host_tunnel_hooks tunnel_hooks = {
	.message = tunnel_message,
	.stale = tunnel_stale,
	.drained = tunnel_drained,
	.ended = tunnel_ended,
};

static void reload_begun(struct host *host)
{
	host_control_reloading(control_of(host));
}

static void reload_done(struct host *host, json_t *answer)
{
	host_peer_routes_renew(host);
	host_control_reloaded(control_of(host), answer);
}

static const struct host_reload_hooks reload_hooks = {
	.begun = reload_begun,
	.done = reload_done,
};

/* What is ours comes back as news as well: the uplink is not moved for that. */
static void client_network_changed(struct host *host, unsigned what)
{
	struct reason reason;

	if (what & (MONITOR_UPLINK | MONITOR_AWAKE))
		host_client_check(host, what & MONITOR_AWAKE);
	else if (what & MONITOR_OWN)
		host_uplink_restore(host);
	if (what & MONITOR_NETWORK && host->configured)
		host_routing_check(host, &reason);
}

static void network_changed(struct host *host, unsigned what)
{
	/* What is missing may come back with a network of others. */
	if (what & (MONITOR_OWN | MONITOR_SETTINGS) ||
	    (what & MONITOR_UPLINK && host_restore_waits(host)))
		host_restore(host);
	if (what & MONITOR_TABLES)
		host_restore_tables(host);
	if (what & MONITOR_NETWORK)
		host_killswitch_check(host);
	if (!is_server(host)) {
		client_network_changed(host, what);
		return;
	}
	if (what & MONITOR_LINKS)
		host_server_check_links(host);
	if (what & (MONITOR_TABLES | MONITOR_SETTINGS))
		host_firewall_check(host);
}

static void stop_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
	(void)loop;
	(void)events;
	host_stop_signalled(watcher->data, watcher->signum);
}

static void reload_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
	(void)loop;
	(void)events;
	host_reload(watcher->data);
}

static void watch_signals(struct daemon *daemon)
{
	struct ev_loop *loop = daemon->host.loop;

	ev_signal_init(&daemon->sigterm, stop_signal, SIGTERM);
	ev_signal_init(&daemon->sigint, stop_signal, SIGINT);
	ev_signal_init(&daemon->sighup, reload_signal, SIGHUP);
	daemon->sigterm.data = &daemon->host;
	daemon->sigint.data = &daemon->host;
	daemon->sighup.data = &daemon->host;
	ev_signal_start(loop, &daemon->sigterm);
	ev_signal_start(loop, &daemon->sigint);
	ev_signal_start(loop, &daemon->sighup);
}

static int take_lock(struct daemon *daemon, struct reason *reason)
{
	const struct host *host = &daemon->host;
	const char *name = host->config->name;
	pid_t holder;
	int err, healed;

	err = lock_take(name, LOCK_WAIT_MS, &daemon->lock_fd, &holder);
	if (!err) {
		err = lock_hold_last(&daemon->lock_fd);
		if (err)
			lock_drop(name, daemon->lock_fd);
	}
	if (err == -EBUSY)
		reason_set(reason,
			   "is up already (process %d): minivpn down %s",
			   (int)holder, name);
	else if (err)
		lock_explain(err, reason);
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
		reason_set(reason,
			   "what an earlier run left can't be put back: %s",
			   lock_heal_error(healed));
		return healed;
	}
	return 0;
}

static int open_journal(struct host *host, struct reason *reason)
{
	char path[PATH_MAX];
	int err;

	err = control_path(path, sizeof(path), host->config->name, "journal");
	if (!err)
		err = journal_create(path, &host->journal);
	if (err)
		reason_set(reason, "%.300s: %s", path, strerror(-err));
	return err;
}

/* The tunnel process has died with the launcher. */
static void launcher_died(void *owner)
{
	host_stop(owner, "the launcher process was killed, which alone can "
			 "start the tunnel process");
}

static int start_janitor(struct daemon *daemon, bool inside)
{
	const struct host *host = &daemon->host;
	const struct janitor_privileges privileges = {
		.netns_fd = host->context.netns_fd,
		.config = host->config,
		.resolv_conf = host->context.resolv_conf,
	};

	daemon->janitor.loop = host->loop;
	daemon->janitor.lock_fd = daemon->lock_fd;
	daemon->janitor.launcher = host->launcher.pidfd;
	daemon->janitor.foreground = daemon->lifecycle.options.foreground;
	snprintf(daemon->janitor.tunnel, sizeof(daemon->janitor.tunnel), "%s",
		 host->config->name);
	return janitor_start(&daemon->janitor, inside ? &privileges : NULL);
}

/*
 * From here on we have no key, and no privileges but those for the network; nor
 * has the janitor, but for what it takes to enter and remove a network
 * namespace, where there is one.
 */
static int divide(struct daemon *daemon, struct reason *reason)
{
	struct host *host = &daemon->host;
	bool inside = host->config->network_namespace;
	const char *what = "the launcher process";
	int err;

	err = launcher_start(&host->launcher, host->loop, host->config,
			     daemon->lock_fd, launcher_died, host);
	if (!err)
		config_hide_keys(host->config);
	if (!err && inside) {
		what = "the janitor process";
		err = start_janitor(daemon, inside);
		if (!err)
			err = host_namespace_make(host, reason);
	}
	if (!err) {
		what = "privileges can't be given up";
		err = confine_host(host->config, host->context.resolv_conf);
		host->context.unprivileged = true;
	}
	if (!err && !inside) {
		what = "the janitor process";
		err = start_janitor(daemon, inside);
	}
	if (err && !reason->text[0])
		reason_set(reason, "%s: %s", what, strerror(-err));
	return err;
}

/* Each step says in reason why it failed. */
static int start(struct daemon *daemon, struct reason *reason)
{
	struct host *host = &daemon->host;
	bool server = is_server(host);
	int err;

	err = host_control_open(&daemon->control, host, reason);
	if (err)
		return err;
	err = server ? host_server_open_sockets(host, reason)
		     : host_client_open_sockets(host);
	if (err)
		return err;
	err = change_context_open(&host->context);
	if (err) {
		reason_set(reason, "netlink: %s", strerror(-err));
		return err;
	}
	err = host_namespace_open(host, reason);
	if (err)
		return err;
	err = open_journal(host, reason);
	if (err)
		return err;
	err = divide(daemon, reason);
	if (err)
		return err;
	err = server ? host_server_prepare(host, reason)
		     : host_client_prepare(host, reason);
	if (err)
		return err;
	host_monitor_start(host);
	if (server)
		host_firewall_check(host);
	err = host_tunnel_start(host);
	if (err)
		reason_set(reason, "the tunnel process can't be started: %s",
			   strerror(-err));
	return err;
}

static bool is_lifted(const struct daemon *daemon)
{
	switch (daemon->lifecycle.end) {
	case HOST_END_WANTED:
		return true;
	case HOST_END_UNDONE:
		return !host_killswitch_is_found(&daemon->host);
	case HOST_END_BY_ITSELF:
		break;
	}
	return false;
}

static bool put_back(struct daemon *daemon, bool *closed)
{
	struct host *host = &daemon->host;
	bool lifted;
	int left = 0;

	if (host->journal) {
		left = host_namespace_revert(host, &daemon->janitor);
		journal_close(host->journal);
	}
	lifted = host_killswitch_end(host, is_lifted(daemon), closed);
	change_context_close(&host->context);
	host_namespace_close(host);
	return left == 0 && lifted;
}

/* This says why it has ended, and what is to be done now. */
static void tell_failed(struct host *host, bool clean, bool closed)
{
	struct reason reason;
	size_t used;

	reason_set(&reason, "%s", host->lifecycle->reason);
	used = strlen(reason.text);
	if (!clean)
		snprintf(reason.text + used, sizeof(reason.text) - used,
			 " (not everything could be put back: minivpn down %s "
			 "tries again)",
			 host->config->name);
	else if (closed)
		snprintf(reason.text + used, sizeof(reason.text) - used,
			 " (the kill switch stays: nothing leaves until "
			 "minivpn down %s)",
			 host->config->name);
	host_tell_failed(host, reason.text);
}

static void stop(struct daemon *daemon)
{
	struct host_lifecycle *lifecycle = &daemon->lifecycle;
	struct host *host = &daemon->host;
	bool clean, closed;

	host->state = HOST_STOPPING;
	host_monitor_stop(host);
	host_tell_stopping(host);
	host_tunnel_stop(host);
	launcher_dismiss(&host->launcher);
	host_client_free(host);
	host_reload_free(host);
	host_name_servers_stop(host);
	host_peer_routes_free(host);
	clean = put_back(daemon, &closed);
	janitor_dismiss(&daemon->janitor);
	if (!clean) {
		lifecycle->status = 1;
		log_error("%s: not everything could be put back: the log says "
			  "what; minivpn down %s tries again",
			  host->config->name, host->config->name);
	}
	/* In the foreground it stands in the last line. */
	if (closed && !lifecycle->options.foreground)
		log_warning("%s: the kill switch stays: nothing leaves this "
			    "host until minivpn down %s",
			    host->config->name, host->config->name);
	for (unsigned i = 0; i < host->sockets.count; i++) {
		if (host->sockets.fds[i] >= 0)
			close(host->sockets.fds[i]);
	}
	host_leases_close(host);
	host_usage_close(host);
	/* A failure has a line of its own, the last, which says why. */
	if (!lifecycle->options.foreground || !lifecycle->status)
		log_notice("%s: down", host->config->name);
	lock_drop(host->config->name, daemon->lock_fd);
	host_control_stopped(daemon->control, clean);
	host_control_close(daemon->control);
	daemon->control = NULL;
	if (lifecycle->status && lifecycle->reason[0])
		tell_failed(host, clean, closed);
}

static void run(struct daemon *daemon)
{
	struct host *host = &daemon->host;
	struct reason reason = {0};

	if (!daemon->lifecycle.options.foreground &&
	    log_file_open(&daemon->log, host->config->name))
		log_warning("RUNDIR/%s.log can't be written",
			    host->config->name);
	/* What can't be put right is in the way of resolv_conf_apply() alone.
	 */
	lock_heal_resolv_conf(host->config->name, true);
	watch_signals(daemon);
	host_lifecycle_begin(host);
	host_client_init(host);
	host_tunnel_init(host, &tunnel_hooks);
	host_peer_routes_init(host);
	host_reload_init(host, &reload_hooks);
	if (start(daemon, &reason))
		host_stop(host, reason.text);
	else
		ev_run(host->loop, 0);
	stop(daemon);
	log_file_close(daemon->log);
}

/* Nothing is open yet, and the parts know their state by host. */
static void init(struct daemon *daemon, struct config *config,
		 const struct host_options *options)
{
	*daemon = (struct daemon){
		.host =
			{
				.config = config,
				.context = CHANGE_CONTEXT_NONE,
				.launcher = {.fd = -1, .pidfd = -1},
				.block = &daemon->block,
				.client = &daemon->client,
				.killswitch = &daemon->killswitch,
				.leases = &daemon->leases,
				.lifecycle = &daemon->lifecycle,
				.monitor = &daemon->monitor,
				.mtu = &daemon->mtu,
				.name_servers = &daemon->name_servers,
				.namespace = &daemon->namespace,
				.peer_routes = &daemon->peer_routes,
				.reload = &daemon->reload,
				.restore = &daemon->restore,
				.tunnel = &daemon->tunnel,
				.uplink = &daemon->uplink,
				.usage = &daemon->usage,
				.warnings = &daemon->warnings,
			},
		.janitor = {.fd = -1},
		.lifecycle =
			{
				.options = *options,
				.service = options->foreground &&
					   getenv("NOTIFY_SOCKET"),
			},
		.lock_fd = -1,
		.monitor = {.changed = network_changed},
	};
}

int host_run(struct config *config, const struct host_options *options)
{
	struct reason reason;
	struct daemon daemon;
	int err;

	init(&daemon, config, options);
	signal(SIGPIPE, SIG_IGN);
	log_set_level(config->log_level);
	log_set_prefixes(options->foreground && getenv("JOURNAL_STREAM"));
	daemon.host.loop = ev_loop_new(EVFLAG_AUTO);
	if (!daemon.host.loop) {
		log_error("%s: no event loop can be made", config->name);
		config_free(config);
		return 1;
	}
	err = take_lock(&daemon, &reason);
	if (err) {
		host_tell_failed(&daemon.host, reason.text);
		daemon.lifecycle.status =
			err == -EBUSY && options->foreground ? STATUS_FINAL : 1;
	} else {
		run(&daemon);
	}
	ev_loop_destroy(daemon.host.loop);
	config_free(daemon.host.config);
	return daemon.lifecycle.status;
}
