/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the host process share: its state, and the few calls
 * between them. host.c: start and stop; host_tunnel.c: the tunnel process;
 * host_client.c, host_server.c: what each role does to the host, by way of
 * host_transition.c; host_reload.c: a new file; host_lease.c: a server's
 * leases; host_monitor.c: what others do to the host meanwhile;
 * host_restore.c: puts it back; host_block.c: what holds meanwhile;
 * host_uplink.c: a client's way to its server; host_netns.c: another network
 * namespace for the tunnel; host_forward.c: who drops what a server forwards;
 * host_warning.c: what is not as it should be; host_routing.c: the rules and
 * the table by which traffic goes into the tunnel; host_control.c: the control
 * socket; host_status.c: what `status` shows.
 */
#ifndef MINIVPN_HOST_DAEMON_HOST_INTERNAL_H
#define MINIVPN_HOST_DAEMON_HOST_INTERNAL_H

#include <ev.h>
#include <jansson.h>

#include "common/ipc/channel.h"
#include "common/rate.h"
#include "host/process/tunnel_policy.h"
#include "host/host.h"
#include "host/process/janitor.h"
#include "host/change/journal.h"
#include "host/daemon/lease_store.h"
#include "host/process/log_file.h"
#include "host/kernel/monitor.h"
#include "host/nft/block.h"
#include "host/process/launcher.h"
#include "host/plan/namespace.h"
#include "host/dns/lookup.h"
#include "tunnel/tunnel.h"

#define HOST_REASON_SIZE 512

enum host_state {
	HOST_STARTING,
	HOST_UP,
	HOST_RECONNECTING, /* client: was up, and will be */
	HOST_STOPPING,
};

/* The addresses of the servers that a client tries beside each other. */
struct host_endpoints {
	struct lookup_result list[LOOKUP_RESULTS];
	size_t count;
	size_t next; /* to be the first; count: to be resolved anew before */
	struct lookup *lookup;
	struct inet_endpoint current; /* family none: none yet */
	unsigned current_host;	      /* index into config->servers */
	bool answered;		      /* current, in this round */
	bool refused;		      /* one of this round has refused us */
	ev_timer again;		      /* asks for the names once more */
	/* Hashes of what was logged since it was last up, the oldest goes. */
	uint32_t said[LOOKUP_RESULTS];
	unsigned said_next;
};

/* The way to the server, as the kernel takes it now (client). */
struct host_uplink {
	struct rtnl_route way; /* type RTN_UNSPEC: not known yet */
	bool gone;	       /* there is none, way is the last */
	bool unknown;	       /* the kernel can't be asked, and that is said */
};

/* A client's routing policy: see host_routing.c. */
struct host_routing {
	struct plan_routing plan;
	/* How often rules of others have made us move ours. */
	struct log_limit moves;
};

/* What others have undone, and how often it is put back: host_restore.c. */
struct host_restores {
	double last; /* seconds, monotonic: something was missing; 0: never */
	double put;  /* the same, and was put back */
	double next; /* nothing is put back before */
	unsigned rapid; /* rounds of putting back, each soon in vain */
	unsigned missing;
	bool quarrel; /* that is so, and said */
	char text[HOST_REASON_SIZE];
	struct log_limit lines, said;
};

/* What in this host's own firewall stands in the way (server). */
#define HOST_OBSTACLES 4
struct host_obstacles {
	char text[HOST_OBSTACLES][HOST_REASON_SIZE];
	size_t count;
};

/*
 * What is not as it should be while it is up, one text each: see
 * host_warning.c.
 */
enum host_warning {
	HOST_WARNING_ROUTES,	 /* traffic leaves beside the tunnel */
	HOST_WARNING_UNDONE,	 /* what is ours is gone, and what it is */
	HOST_WARNING_NAMES,	 /* names are asked for outside the tunnel */
	HOST_WARNING_KILLSWITCH, /* what the kill switch cuts off */
	HOST_WARNINGS
};

/* A new file on its way: see host_reload.c. */
struct host_reload {
	struct config *config; /* that the tunnel process makes ready; NULL */
	bool waiting;	       /* for a tunnel process that can do that */
	bool again;	       /* one more has been asked for meanwhile */
	uint32_t id;	       /* of the last RELOAD */
	ev_timer deadline;
};

struct host_control;
struct host_dns;

struct host {
	struct ev_loop *loop;
	struct config *config;
	struct host_options options;
	enum host_state state;
	bool service;		       /* of systemd, see host_service() */
	bool ready;		       /* and that has been told */
	int status;		       /* exit status */
	char reason[HOST_REASON_SIZE]; /* why the last attempt failed */
	double started;		       /* ev_time() when up */

	int lock_fd;
	struct log_file *log;
	struct change_context context;
	struct journal *journal;
	struct journal *killswitch; /* NULL: no KillSwitch */
	bool killswitch_ours;	    /* made by this process */
	bool killswitch_stays;	    /* an earlier run has left one */
	bool killswitch_lift;	    /* in the end, somebody has said so */
	struct janitor janitor;
	struct launcher launcher;
	struct host_control *control;

	int udp_fds[TUNNEL_SOCKETS];
	unsigned udp_count;

	struct channel *channel; /* NULL: no tunnel process */
	pid_t tunnel;
	struct tunnel_policy policy; /* what it may ask for */
	struct log_limit refusals;   /* lines about what it may not */
	unsigned crashes;
	double tunnel_started; /* seconds, monotonic */
	ev_timer restart;      /* starts the tunnel process again */
	ev_timer deadline;     /* of the whole start */
	double start_at;       /* ev_now() when it began */
	bool start_answered;   /* and has more time, once */
	ev_signal sigterm, sigint, sighup;
	ev_io report;

	struct monitor *monitor;
	struct host_restores restores, table_restores;
	struct nft_block block; /* client: in force where blocked */
	bool blocked;
	struct host_obstacles obstacles;		/* server */
	char warnings[HOST_WARNINGS][HOST_REASON_SIZE]; /* "": none */

	struct host_endpoints endpoints; /* client */
	struct host_uplink uplink;	 /* client */
	struct host_routing routing;	 /* client */
	struct settings said;		 /* client: by the server */
	struct settings settings;	 /* client: in force */
	bool configured;		 /* client: settings are in force */
	uint32_t rtt_us;		 /* client: when it came up */
	unsigned mtu_planned; /* client: by the route to the server; or 0 */
	unsigned mtu_next;    /* client: the same, of a plan not in force yet */
	unsigned mtu_found;   /* client: by the search; 0: none yet */
	unsigned mtu_wanted;  /* client: to be set by mtu_later */
	struct rate mtu_changes;
	ev_timer mtu_later;
	struct host_dns *dns; /* client: NULL where there is none */

	/* Client with Namespace: context is in there. */
	struct netns netns;
	bool netns_new;	 /* ours, and to have that name */
	bool netns_ipv6; /* a device in there may have it */
	char netns_resolv_conf[NETNS_PATH_SIZE];
	struct rtnl *outside; /* in our own namespace */

	struct lease_store *leases; /* server */
	struct log_limit writes;    /* of their file */
	ev_timer write_leases;
	struct host_reload reload;
	int64_t expires; /* our certificate, Unix time; 0: never */
};

/* host.c */

/*
 * A client that systemd has started goes on trying for ever, whatever its
 * server says or does not say: it counts as started once it has tried, and text
 * is what `systemctl status` shows.
 */
bool host_goes_on(const struct host *host);
void host_tell(struct host *host, const char *text);
/* The tunnel is up: tells whoever waits for it. Only the first call counts. */
void host_up(struct host *host);
/* A server has answered while we start: it may be one that takes its time. */
void host_start_answered(struct host *host);
/* It is silent again (-ETIMEDOUT), or of no use. */
void host_start_lost(struct host *host, int error);
/* Ends the loop; everything is put back. text NULL: without an error. */
void host_stop(struct host *host, const char *text);
/* The same because somebody wants it: the kill switch is lifted too. */
void host_stop_wanted(struct host *host);
/* "client: " and text, as all errors about this tunnel begin. */
int host_name_reason(const struct host *host, char *line, size_t size,
		     const char *text);
/* As transition_to(). */
int host_transition(struct host *host, const struct change_list *wanted,
		    char *reason, size_t size);

/* As transition_ensure(). */
int host_ensure(struct host *host, const struct change *change, char *reason,
		size_t size);

/* host_tunnel.c */

void host_tunnel_init(struct host *host);
int host_tunnel_start(struct host *host);
/* The tunnel process has sent what it may not, "a lease of ...". */
void host_tunnel_refused(struct host *host, const char *reason);

/* Ends it and starts another, which is given today's tun device: no crash. */
void host_tunnel_renew(struct host *host);
/* Asks the tunnel process to say goodbye, and sees it out. */
void host_tunnel_stop(struct host *host);
/* Sends to the tunnel process, if there is one; failures are its end anyway. */
void host_send(struct host *host, const struct channel_message *message);
/* host_client.c */
void host_client_init(struct host *host);
int host_client_open_sockets(struct host *host);
int host_client_prepare(struct host *host, char *reason, size_t size);
void host_client_next_endpoint(struct host *host);
/* The network has changed: where no name could be resolved, tries again. */
void host_client_check(struct host *host);
/* The tunnel process goes on with this one, of those that it was given. */
void host_client_answered(struct host *host,
			  const struct inet_endpoint *endpoint);
/* The server that is tried now is the first to be tried again. */
void host_client_keep_endpoint(struct host *host);
void host_client_config(struct host *host, const struct settings *said);
/* As host_server_replan(); nothing is wanted before it has been up. */
int host_client_replan(struct host *host, const struct config *next,
		       struct change_list *wanted, char *reason, size_t size);
/* host->config is another, and in force. */
void host_client_take(struct host *host);
void host_client_up(struct host *host, uint32_t rtt_us);
void host_client_lost(struct host *host, int error, const char *reason);
void host_client_line(const struct host *host, char *line, size_t size);
void host_client_free(struct host *host);

/* host_mtu.c */

/* Prepares udp_fds for the search, or for what the file says the MTU is. */
void host_mtu_sockets(struct host *host);

/* The MTU of the tun device that is in force; 0: it is the file's. */
unsigned host_mtu_planned(const struct host *host);
/*
 * Client: in a plan for config, what was found goes before the route's; that is
 * mtu_next.
 */
void host_mtu_limit(struct host *host, const struct config *config,
		    struct change_list *list);
/* Client: the tunnel process says what the path carries. */
void host_mtu_found(struct host *host, unsigned mtu);
void host_mtu_free(struct host *host);

/* host_killswitch.c: each does nothing without KillSwitch = yes. */

/* Finds out what an earlier run has left; before anything else is done. */
int host_killswitch_prepare(struct host *host, char *reason, size_t size);
/* Lets nothing but DTLS to host->endpoints leave, from now on. */
int host_killswitch_raise(struct host *host, char *reason, size_t size);
/* The network has changed: what lan lets out follows the links. */
void host_killswitch_check(struct host *host);
/*
 * Under another file than the one that was in force: raises or lifts it. Does
 * nothing where the two agree.
 */
int host_killswitch_change(struct host *host, const struct config *next,
			   char *reason, size_t size);
/* Ours, or one that an earlier run, or the unit at boot, has raised. */
bool host_killswitch_is_applied(const struct host *host);
/*
 * Lifts it where somebody has said so (host->killswitch_lift); else it stays,
 * and its journal, for the next `up` or for `down`, and *stays is true. False:
 * it could not be lifted.
 */
bool host_killswitch_end(struct host *host, bool *stays);

/* host_server.c */
int host_server_open_sockets(struct host *host, char *reason, size_t size);
int host_server_prepare(struct host *host, char *reason, size_t size);
void host_server_ready(struct host *host);
void host_server_line(const struct host *host, char *line, size_t size);
/* What belongs to this host under another file; -errno, with the reason. */
int host_server_replan(struct host *host, const struct config *next,
		       struct change_list *wanted, char *reason, size_t size);

/* host_reload.c */

void host_reload_init(struct host *host);
/*
 * Reads the file again and takes it up; host_control_reloaded() tells those who
 * wait for it. One that is under way is followed by another.
 */
void host_reload(struct host *host);
/* From the tunnel process: it is ready, and can be asked. */
void host_reload_ready(struct host *host);
/* From the tunnel process: whether it can do with the new files. */
void host_reload_loaded(struct host *host,
			const struct channel_message *message);
/* The tunnel process has ended, and host->channel is NULL. */
void host_reload_interrupted(struct host *host);
void host_reload_free(struct host *host);

/* host_lease.c */
void host_leases_init(struct host *host);
/* To the tunnel process: all that are known. */
void host_leases_send(struct host *host);
/* From it: one to be kept. */
void host_leases_taken(struct host *host,
		       const struct channel_message *message);
void host_leases_free(struct host *host);

/* host_monitor.c */

/* Once the tun device is there: begins to watch; failures are logged. */
void host_monitor_start(struct host *host);
/* The tun device is another one. */
void host_monitor_device(struct host *host);

/* With Namespace: opens it while there are the privileges for that; -errno. */
int host_monitor_inside(struct host *host);

/* host_restore.c: what the journals say is in force, and is gone. */

void host_restore(struct host *host);
/* Tables alone, the kill switch's too. */
void host_restore_tables(struct host *host);
/* Something is missing that could not be put back yet. */
bool host_restore_waits(const struct host *host);

/* host_block.c */

/*
 * Client: from now on what the tunnel's routes in the journal take leaves by no
 * other device. Does nothing where it is so, or under a kill switch. -errno.
 */
int host_block_set(struct host *host);

/* host_netns.c */

/*
 * Where the file has a Namespace: finds it, or makes one that has no name yet,
 * and opens what works in there. -errno with the reason.
 */
int host_namespace_open(struct host *host, char *reason, size_t size);
/* Gives a new one its name, by the journal. */
int host_namespace_make(struct host *host, char *reason, size_t size);
/* Reverts the journal; how many changes could not be undone. */
int host_namespace_revert(struct host *host);
/* For plans: with Namespace only. */
struct plan_inside host_namespace_inside(const struct host *host);
/* From where the server is reached. */
struct rtnl *host_outside(const struct host *host);

/* host_uplink.c */

/*
 * Makes the route to the current server what the kernel would do without it,
 * under this file and these settings. Nothing is left of it where there is no
 * way to the server.
 */
int host_uplink_route(struct host *host, const struct config *config,
		      const struct settings *settings, char *reason,
		      size_t size);
/* Adds the route to the server, and the settings, that are in force. */
int host_uplink_keep(const struct host *host, struct change_list *list);
/* Of a server that is new, remembers the way: only another one is news. */
void host_uplink_note(struct host *host);
/*
 * The network has changed, but for what is ours; awake: and the machine was
 * suspended.
 */
void host_uplink_check(struct host *host, bool awake);
/* What is ours has changed: the route to the server is put back. */
void host_uplink_restore(struct host *host);
/* An error that a network that comes and goes makes; it will be another. */
bool host_uplink_trouble(int error);

/* host_routing.c */

/* Chooses the table, and marks the sockets. */
int host_routing_prepare(struct host *host, char *reason, size_t size);
/* What the tunnel's own packets bear; 0 where that makes no difference. */
uint32_t host_mark(const struct host *host);
/* Before a plan: where its rules go. */
void host_routing_choose(struct host *host, const struct config *config,
			 const struct settings *settings);
/* What a plan is made from, for the current server. */
struct plan_client host_routing_plan(const struct host *host,
				     const struct config *config,
				     const struct settings *settings);
/*
 * After each change of the network: what stays outside follows the links, our
 * rules go in front, and the kernel is asked whether what should go by the
 * tunnel does. Where it does not, -ENETUNREACH and why, and that is warned of.
 */
int host_routing_check(struct host *host, char *reason, size_t size);

/* host_forward.c */

/* Looks for it anew; what is new is logged. */
void host_firewall_check(struct host *host);

/* host_warning.c */

/*
 * Something is so from now on, or is over (text NULL). What is new is logged;
 * `status` shows it, and `up` says it where it answers only later.
 */
void host_warn(struct host *host, enum host_warning which, const char *text);
/* All that are so now, from index 0 on, the server's obstacles too; NULL. */
const char *host_warning(const struct host *host, unsigned index);

/* host_control.c */
int host_control_open(struct host *host, char *reason, size_t size);
void host_control_close(struct host *host);
/* A reload begins: it is for all that have asked so far. */
void host_control_reloading(struct host *host);
/* To these; takes over answer. */
void host_control_reloaded(struct host *host, json_t *answer);
/* Answers and closes all connections that asked for the end. */
void host_control_stopped(struct host *host, bool clean);
/* From the tunnel process: what was asked for `status`. */
void host_control_peer(struct host *host, const struct channel_peer *peer);
void host_control_status_end(struct host *host, const struct traffic *total);

/* host_status.c */

/* The addresses of the tun device that are in force; their number. */
size_t host_addresses(const struct host *host, struct inet_prefix *list,
		      size_t size);
json_t *host_status(const struct host *host, json_t *peers,
		    const struct traffic *total);
json_t *host_status_peer(const struct host *host,
			 const struct channel_peer *peer);

#endif
