/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/restore.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/reason.h"
#include "host/daemon/block.h"
#include "host/daemon/killswitch.h"
#include "host/daemon/lifecycle.h"
#include "host/daemon/monitor.h"
#include "host/daemon/tunnel.h"
#include "host/daemon/warning.h"

/* A change that stayed for less than this was put back in vain. */
#define LASTED_SECONDS 0.5
/* Up to here it may be chance, or one event in several parts. */
#define RAPID_FREE 3
/* The pauses from then on are each twice the last one. */
#define PAUSE_SECONDS 0.1
#define PAUSE_MOST    2.
/* What can't be put back is tried again: no event may tell that it can be. */
#define RETRY_SECONDS 2.
/* After so long without a new one the quarrel is over. */
#define QUIET_SECONDS 30.

/*
 * LINES bounds the log lines for single changes, UNDONE how often the warning
 * becomes another one.
 */
#define LINES_BURST	  20
#define LINES_PER_MINUTE  10
#define UNDONE_BURST	  6
#define UNDONE_PER_MINUTE 3

/* One comparison of everything that should be there with what is. */
struct round {
	struct host *host;
	struct host_restores *restores;
	double now; /* seconds, monotonic */
	bool tables;
	bool found; /* something is gone */
	bool waits; /* it is not put back before restores->next */
	bool put;
	unsigned missing;
	char first[HOST_REASON_SIZE / 4], reason[HOST_REASON_SIZE / 2];
};

/* A client's route to its server goes with the uplink: see uplink.h. */
static bool is_by_uplink(const struct host *host, const struct change *change)
{
	return host->config->role == CONFIG_CLIENT &&
	       change->kind == CHANGE_ROUTE && !change->route.table;
}

/* The tunnel process has a descriptor of the old device, which is no use. */
static int make_tun_again(struct host *host, const struct change *change,
			  struct reason *reason)
{
	int err;

	if (host->context.tun_fd >= 0)
		close(host->context.tun_fd);
	host->context.tun_fd = -1;
	err = change_apply(&host->context, change, reason);
	host_monitor_device(host);
	if (err >= 0)
		host_tunnel_renew(host);
	return err;
}

/* Nothing leaves outside the tunnel meanwhile, so there is no hurry. */
static bool is_covered(const struct round *round)
{
	const struct host *host = round->host;

	return host->config->role == CONFIG_SERVER ||
	       (!round->tables &&
		(host_block_table(host) || host_killswitch_is_ours(host)));
}

static double pause_of(const struct round *round)
{
	double most = is_covered(round) ? PAUSE_MOST : PAUSE_SECONDS;
	double pause = PAUSE_SECONDS;

	if (round->restores->rapid <= RAPID_FREE)
		return 0.;
	for (unsigned i = RAPID_FREE + 1;
	     i < round->restores->rapid && pause < most; i++)
		pause *= 2;
	return pause < most ? pause : most;
}

static bool line_allowed(struct round *round, unsigned *suppressed)
{
	struct log_limit *lines = &round->restores->lines;

	lines->burst = LINES_BURST;
	lines->per_minute = LINES_PER_MINUTE;
	return log_allowed(lines, round->now, suppressed);
}

static void block(struct round *round)
{
	int err;

	if (round->tables)
		return;
	err = host_block_set(round->host);
	if (err && line_allowed(round, NULL))
		log_warning("%s: what is to go by the tunnel can't be blocked "
			    "while its routes are gone: %s",
			    round->host->config->name, strerror(-err));
}

/* The first missing change of a round: nothing is put back before. */
static void find_first(struct round *round, const char *text)
{
	struct host_restores *restores = round->restores;

	round->found = true;
	round->waits = round->now < restores->next;
	snprintf(round->first, sizeof(round->first), "%.120s", text);
	block(round);
	restores->last = round->now;
}

static int put_back(struct round *round, const struct change *change,
		    const char *text, struct reason *reason)
{
	struct host *host = round->host;
	unsigned suppressed = 0;
	int err;

	if (change->kind == CHANGE_TUN)
		err = make_tun_again(host, change, reason);
	else
		err = change_apply(&host->context, change, reason);
	if (err < 0)
		return err;
	round->put = true;
	if (!line_allowed(round, &suppressed))
		return err;
	if (suppressed)
		log_warning("somebody else has undone %u other changes: put "
			    "back",
			    suppressed);
	log_warning("somebody else has undone \"%.160s\": put back", text);
	return err;
}

static int take_back(struct round *round, const struct change *change)
{
	struct reason reason = {0};
	char text[CHANGE_TEXT_SIZE];
	int err = change_print(change, text, sizeof(text));

	if (err)
		return err;
	if (!round->found)
		find_first(round, text);
	err = round->waits ? -EAGAIN : put_back(round, change, text, &reason);
	if (err >= 0)
		return 0;
	/* The first of several is named, as the others may depend on it. */
	if (round->missing++ == 0) {
		snprintf(round->first, sizeof(round->first), "%.120s", text);
		snprintf(round->reason, sizeof(round->reason), "%.250s",
			 reason.text);
	}
	return err;
}

/* All routes are read in one dump: a server may have one for each peer. */
static bool is_missing(struct host *host, const struct change *change,
		       struct rtnl_routes **routes)
{
	struct rtnl *rtnl = host->context.rtnl;

	if (change->kind != CHANGE_ROUTE)
		return change_missing(&host->context, change) > 0;
	if (!*routes)
		*routes = rtnl_routes_new();
	return *routes && rtnl_routes_have(rtnl, *routes, &change->route) == 0;
}

static void note_pause(struct round *round)
{
	struct host_restores *restores = round->restores;

	if (!round->put)
		return;
	if (round->now - restores->put < LASTED_SECONDS + pause_of(round))
		restores->rapid++;
	else
		restores->rapid = 0;
	restores->put = round->now;
	restores->next = round->now + pause_of(round);
}

static void describe(const struct round *round, char *text, size_t size)
{
	const struct host *host = round->host;
	char others[48] = "";

	if (round->missing > 1)
		snprintf(others, sizeof(others), " and %u other change%s",
			 round->missing - 1, round->missing > 2 ? "s" : "");
	if (round->missing && !round->waits)
		snprintf(text, size,
			 "somebody else has undone \"%s\"%s, and it can't be "
			 "put back: %s",
			 round->first, others, round->reason);
	else
		snprintf(text, size,
			 "another program undoes \"%s\"%s again and again: put "
			 "back each time",
			 round->first, others);
	if (host_block_table(host) && !round->tables)
		snprintf(text + strlen(text), size - strlen(text),
			 "; meanwhile the nft table %s lets none of it leave "
			 "beside the tunnel",
			 host_block_table(host));
}

static void update_warning(struct round *round)
{
	struct host *host = round->host;
	struct host_restores *restores = round->restores;
	double quiet = round->now - restores->last;
	bool quarrel = round->waits || restores->rapid > RAPID_FREE;
	char text[HOST_REASON_SIZE] = "";

	if (round->found && round->missing && !round->waits)
		restores->quarrel = false;
	else if (restores->quarrel && quiet < QUIET_SECONDS)
		return;
	else
		restores->quarrel = round->found && quarrel;
	if (round->found && (round->missing || restores->quarrel))
		describe(round, text, sizeof(text));
	if (strcmp(text, restores->text) == 0)
		return;
	restores->warnings.burst = UNDONE_BURST;
	restores->warnings.per_minute = UNDONE_PER_MINUTE;
	if (text[0] && restores->text[0] &&
	    !log_allowed(&restores->warnings, round->now, NULL))
		return;
	memcpy(restores->text, text, sizeof(text));
	if (host->restore->changes.text[0])
		host_warn(host, HOST_WARNING_UNDONE,
			  host->restore->changes.text);
	else if (host->restore->tables.text[0])
		host_warn(host, HOST_WARNING_UNDONE,
			  host->restore->tables.text);
	else
		host_warn(host, HOST_WARNING_UNDONE, NULL);
}

/* This asks for the next round, whatever happens until then. */
static void plan_next(struct round *round)
{
	struct host *host = round->host;
	struct host_restores *restores = round->restores;
	double seconds;

	if (round->missing)
		seconds = round->waits ? restores->next - round->now
				       : RETRY_SECONDS;
	else if (restores->quarrel)
		seconds = restores->last + QUIET_SECONDS - round->now;
	else
		return;
	host_monitor_ask(host, round->tables ? MONITOR_TABLES : MONITOR_OWN,
			 seconds > 0. ? seconds : 0.);
}

static void finish(struct round *round)
{
	round->restores->missing = round->missing;
	note_pause(round);
	update_warning(round);
	plan_next(round);
}

static bool is_device(const struct change *change)
{
	return change->kind == CHANGE_TUN || change->kind == CHANGE_LINK;
}

/*
 * The device first, which all the rest needs: since its MTU has changed it may
 * come last in the journal. Several lists are one round.
 */
static void restore(struct round *round, const struct change_list *applied)
{
	struct rtnl_routes *routes = NULL;
	bool renewed = false;

	for (size_t i = 0; i < 2 * applied->count; i++) {
		const struct change *change =
			&applied->items[i % applied->count];
		int err;

		/* What systemd-resolved knows of a link goes with it. */
		if (is_device(change) != (i < applied->count) ||
		    change_is_table(change) != round->tables ||
		    is_by_uplink(round->host, change) ||
		    !(is_missing(round->host, change, &routes) ||
		      (renewed && change->kind == CHANGE_SYSTEMD_RESOLVED)))
			continue;
		err = take_back(round, change);
		if (change->kind != CHANGE_TUN)
			continue;
		renewed |= err == 0;
		/* Without the device there is nothing to put back. */
		if (err && !round->waits) {
			host_stop(round->host, "its device was deleted, and "
					       "can't be made again");
			break;
		}
	}
	rtnl_routes_free(routes);
}

void host_restore(struct host *host)
{
	struct round round = {
		.host = host,
		.restores = &host->restore->changes,
		.now = clock_seconds(CLOCK_MONOTONIC),
	};

	restore(&round, journal_changes(host->journal));
	finish(&round);
}

/* The newest of several has taken the place of the others. */
static void restore_killswitch(struct round *round)
{
	const struct host *host = round->host;
	const struct change_list *list = host_killswitch_changes(host);
	struct change_list newest = {.count = 1};

	if (!list || list->count == 0 || !host_killswitch_is_ours(host))
		return;
	newest.items = &list->items[list->count - 1];
	restore(round, &newest);
}

void host_restore_tables(struct host *host)
{
	struct round round = {
		.host = host,
		.restores = &host->restore->tables,
		.now = clock_seconds(CLOCK_MONOTONIC),
		.tables = true,
	};

	restore(&round, journal_changes(host->journal));
	restore_killswitch(&round);
	finish(&round);
}

bool host_restore_waits(const struct host *host)
{
	return host->restore->changes.missing > 0;
}
