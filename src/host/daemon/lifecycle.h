/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the start to the end of the host process: how long a start may take, who
 * is told of it (whoever ran `up`, or systemd), and why it ends. What is done
 * at the start and the end is host.c's.
 */
#ifndef MINIVPN_HOST_DAEMON_LIFECYCLE_H
#define MINIVPN_HOST_DAEMON_LIFECYCLE_H

#include "host/daemon/daemon_internal.h"
#include "host/host.h"

/* What becomes of the kill switch in the end. */
enum host_end {
	HOST_END_BY_ITSELF, /* it stays */
	HOST_END_WANTED,    /* somebody has said so: it is lifted */
	HOST_END_UNDONE,    /* whoever wanted it does not: as it was before */
};

struct host_lifecycle {
	struct host_options options;
	bool service;		       /* of systemd, see host_goes_on() */
	bool ready;		       /* and that has been told */
	int status;		       /* exit status */
	char reason[HOST_REASON_SIZE]; /* why the last attempt failed */
	double started;		       /* ev_time() when up; 0: not yet */
	enum host_end end;
	ev_timer deadline;   /* of the whole start */
	double start_at;     /* ev_now() when it began */
	bool start_answered; /* and has more time, once */
	ev_io report;	     /* whoever ran `up` has gone */
};

/* From now on the start is timed, and given up where nobody waits for it. */
void host_lifecycle_begin(struct host *host);

/*
 * A client that systemd has started goes on trying for ever, whatever its
 * server says or does not say: it counts as started once it has tried, and text
 * is what `systemctl status` shows.
 */
bool host_goes_on(const struct host *host);
void host_tell(struct host *host, const char *text);

/* An attempt to reach a server has failed; -errno. */
void host_attempt_failed(struct host *host, int error, const char *reason);
/* A server has answered while we start: it may be one that takes its time. */
void host_start_answered(struct host *host);
/* What we do ourselves takes none of that time: what is left before, and after.
 */
double host_start_left(const struct host *host);
void host_start_prolong(struct host *host, double left);

/* The tunnel is up: tells whoever waits for it. Only the first call counts. */
void host_up(struct host *host, const char *line);
/* Seconds; 0 before. */
double host_uptime(const struct host *host);

/* Ends the loop; everything is put back. text NULL: without an error. */
void host_stop(struct host *host, const char *text);
/* The same because somebody wants it: the kill switch is lifted too. */
void host_stop_wanted(struct host *host);
/* The same by a signal, which may mean that it was not wanted at all. */
void host_stop_signalled(struct host *host, int number);

/* To systemd, that it stops; and to whoever waits for `up`, why it failed. */
void host_tell_stopping(struct host *host);
void host_tell_failed(struct host *host, const char *reason);

#endif
