/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 *   read, check -> plan -> the launcher reads the PEM files
 *               -> the tunnel process makes all of it ready
 *               -> change this host -> both take it
 *
 * What the tunnel process says to it decides nothing but whether the file is
 * taken up: one that lies has no more than it had, one that is silent is not
 * waited for.
 */
#include "host/daemon/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config/load.h"
#include "common/config/reload.h"
#include "common/memfd.h"
#include "common/reason.h"
#include "host/daemon/block.h"
#include "host/daemon/client.h"
#include "host/daemon/firewall.h"
#include "host/daemon/killswitch.h"
#include "host/daemon/mtu.h"
#include "host/daemon/server.h"
#include "host/daemon/tunnel.h"

/*
 * The tunnel process comes up again after a crash within the first, and parses
 * the file once more, and certificates, within the second.
 */
#define WAIT_SECONDS 8.
#define LOAD_SECONDS 5.

#define UNCHANGED "%.480s (nothing was changed)"

struct problems {
	char first[HOST_REASON_SIZE];
	unsigned count;
};

static void note_problem(void *data, const char *path, unsigned line,
			 bool warning, const char *text)
{
	struct problems *problems = data;

	if (warning)
		return;
	log_error("%s:%u: %s", path, line, text);
	if (!problems->count++ && line)
		snprintf(problems->first, sizeof(problems->first),
			 "%.100s:%u: %.300s", path, line, text);
	else if (problems->count == 1)
		snprintf(problems->first, sizeof(problems->first),
			 "%.100s: %.300s", path, text);
}

/*
 * Reads and checks the file and what it includes; a sealed copy, or -errno with
 * the first mistake. Its keys are not for us to keep.
 */
static int read_again(const struct host *host, struct config **config,
		      struct reason *reason)
{
	const char *path = host->config->path;
	struct problems problems = {0};
	struct include_text text = {0};
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0) {
		err = -errno;
		reason_set(reason, "%.300s: %s", path, strerror(-err));
		return err;
	}
	err = config_read(path, fd, note_problem, &problems, &text, config);
	close(fd);
	if (err) {
		reason_set(reason, "%s", problems.first);
	} else {
		fd = config_seal(*config, &text);
		config_hide_keys(*config);
		if (fd < 0)
			reason_set(reason, "%s", strerror(-fd));
	}
	include_free(&text);
	return err ? err : fd;
}

static int send_pems(struct host *host, const int pems[CONFIG_PEMS])
{
	struct channel_message message = {.type = CHANNEL_PEM};
	int err = 0;

	for (unsigned i = 0; i < CONFIG_PEMS && !err; i++) {
		message.pem.which = i;
		if (pems[i] >= 0)
			err = host_tunnel_try_send(host, &message, pems[i]);
	}
	return err;
}

/* This sends the files to the tunnel process, which answers with LOADED. */
static int send_files(struct host *host, int fd, struct reason *reason)
{
	struct channel_message message = {.type = CHANNEL_RELOAD};
	int pems[CONFIG_PEMS], err;

	err = launcher_load(&host->launcher, fd, pems, reason);
	if (err && !reason->text[0])
		reason_set(reason, "the launcher process: %s", strerror(-err));
	if (err)
		return err;
	message.reload.id = ++host->reload->id;
	err = send_pems(host, pems);
	if (!err)
		err = host_tunnel_try_send(host, &message, fd);
	if (err)
		reason_set(reason, "the tunnel process: %s", strerror(-err));
	for (unsigned i = 0; i < CONFIG_PEMS; i++) {
		if (pems[i] >= 0)
			close(pems[i]);
	}
	return err;
}

/* Lists all that is to be applied here under a file. */
static int replan(struct host *host, const struct config *next,
		  struct change_list *wanted, struct reason *reason)
{
	if (next->role == CONFIG_SERVER)
		return host_server_replan(host, next, wanted, reason);
	return host_client_replan(host, next, wanted, reason);
}

/* A kill switch is there before anything else changes, or until all has. */
static int carry_out(struct host *host, const struct config *next,
		     struct reason *reason)
{
	struct change_list wanted = {0};
	int err = 0;

	if (next->kill_switch)
		err = host_killswitch_change(host, next, reason);
	if (!err)
		err = replan(host, next, &wanted, reason);
	if (!err && wanted.count)
		err = host_transition(host, &wanted, reason);
	change_list_free(&wanted);
	if (!err && !next->kill_switch)
		err = host_killswitch_change(host, next, reason);
	if (host_block_set(host))
		log_debug("%s: no second line behind the routes", next->name);
	return err;
}

static void finish(struct host *host, json_t *answer)
{
	struct host_reload *reload = host->reload;

	ev_timer_stop(host->loop, &reload->deadline);
	config_free(reload->config);
	reload->config = NULL;
	reload->waiting = false;
	reload->hooks->done(host, answer);
	if (reload->again) {
		reload->again = false;
		host_reload(host);
	}
}

static void refuse(struct host *host, const char *reason)
{
	char text[HOST_REASON_SIZE];
	json_t *answer;

	snprintf(text, sizeof(text), UNCHANGED, reason);
	log_error("%s: reload: %s", host->config->name, text);
	answer = json_pack("{s:b,s:s}", "ok", 0, "error", text);
	/* What the tunnel process says need not be UTF-8. */
	finish(host, answer ? answer
			    : json_pack("{s:b,s:s}", "ok", 0, "error",
					"the log says why (nothing was "
					"changed)"));
}

/* After a failure the old file, which was carried out before, is again. */
static int change_host(struct host *host, struct config *next,
		       struct reason *reason)
{
	struct reason why = {0};
	int err = carry_out(host, next, reason), unraised = 0;

	if (!err) {
		err = launcher_take(&host->launcher, &unraised);
		if (err)
			reason_set(reason, "the launcher process: %s",
				   strerror(-err));
	}
	if (!err && unraised)
		log_warning("%s: the tunnel process keeps its bound of memory, "
			    "by the old MaxClients, until it is started again: "
			    "%s",
			    next->name, strerror(-unraised));
	if (err && carry_out(host, host->config, &why))
		log_error("%s: %s", host->config->name, why.text);
	return err;
}

static void tell_tunnel(struct host *host)
{
	struct channel_message message = {.type = CHANNEL_TAKE};

	message.mtu = host_mtu_current(host);
	/* The next one is started with the new file. */
	if (host_tunnel_try_send(host, &message, -1)) {
		log_error("the tunnel process does not listen and is ended");
		host_tunnel_kill(host);
	}
}

/* expires is as in ready of struct channel_message. */
static void take(struct host *host, int64_t expires)
{
	struct config *next = host->reload->config, *old = host->config;
	char *rest = config_unreloadable(old, next);
	struct reason reason = {0};

	config_keep_unreloadable(old, next);
	if (change_host(host, next, &reason)) {
		config_keep_unreloadable(old, next);
		free(rest);
		refuse(host, reason.text);
		return;
	}
	host->config = next;
	host->reload->config = NULL;
	host->tunnel->expires = expires;
	config_free(old);
	if (next->role == CONFIG_CLIENT)
		host_client_take(host);
	else
		host_firewall_check(host);
	host_mtu_sockets(host);
	tell_tunnel(host);
	tunnel_policy_configure(&host->tunnel->policy, next);
	log_set_level(next->log_level);
	log_notice("%s: the file is read again%s%s", next->name,
		   rest ? "; needs down and up: " : "", rest ? rest : "");
	finish(host, rest ? json_pack("{s:b,s:s}", "ok", 1, "waiting", rest)
			  : json_pack("{s:b}", "ok", 1));
	free(rest);
}

/* Plans it only, to find out whether it can be carried out. */
static int check(struct host *host, struct config *next, struct reason *reason)
{
	struct change_list wanted = {0};
	int err = config_keep_unreloadable(host->config, next);

	if (err) {
		reason_set(reason,
			   "from a server to a client, or from keys to "
			   "certificates, it takes minivpn down %s, and up",
			   host->config->name);
		return err;
	}
	err = replan(host, next, &wanted, reason);
	change_list_free(&wanted);
	config_keep_unreloadable(host->config, next);
	return err;
}

static void set_deadline(struct host *host, double seconds)
{
	ev_timer_stop(host->loop, &host->reload->deadline);
	/* The files and the kernel may have kept us for a while. */
	ev_now_update(host->loop);
	ev_timer_set(&host->reload->deadline, seconds, 0.);
	ev_timer_start(host->loop, &host->reload->deadline);
}

static void begin(struct host *host)
{
	struct reason reason = {0};
	struct config *next = NULL;
	int fd, err;

	host->reload->waiting = false;
	fd = read_again(host, &next, &reason);
	err = fd < 0 ? fd : check(host, next, &reason);
	if (!err)
		err = send_files(host, fd, &reason);
	if (fd >= 0)
		close(fd);
	host->reload->config = next;
	if (err)
		refuse(host, reason.text[0] ? reason.text : strerror(-err));
	else
		set_deadline(host, LOAD_SECONDS);
}

void host_reload(struct host *host)
{
	if (host->state == HOST_STOPPING)
		return;
	if (host->reload->config || host->reload->waiting) {
		host->reload->again = true;
		return;
	}
	host->reload->hooks->begun(host);
	if (host_tunnel_is_ready(host)) {
		begin(host);
		return;
	}
	host->reload->waiting = true;
	set_deadline(host, WAIT_SECONDS);
}

void host_reload_ready(struct host *host)
{
	if (host->reload->waiting && host_tunnel_is_ready(host) &&
	    host->state != HOST_STOPPING)
		begin(host);
}

void host_reload_loaded(struct host *host,
			const struct channel_message *message)
{
	/* One that comes too late was refused. */
	if (!host->reload->config || message->loaded.id != host->reload->id ||
	    host->state == HOST_STOPPING)
		return;
	if (message->loaded.error)
		refuse(host, message->loaded.reason);
	else
		take(host, message->loaded.expires);
}

void host_reload_interrupted(struct host *host)
{
	if (host->reload->config)
		refuse(host, "the tunnel process has ended meanwhile");
}

static void expired(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct host *host = timer->data;

	(void)loop;
	(void)events;
	refuse(host, host->reload->waiting
			     ? "the tunnel process is being started again"
			     : "the tunnel process does not answer");
}

void host_reload_init(struct host *host, const struct host_reload_hooks *hooks)
{
	host->reload->hooks = hooks;
	ev_init(&host->reload->deadline, expired);
	host->reload->deadline.data = host;
}

void host_reload_free(struct host *host)
{
	ev_timer_stop(host->loop, &host->reload->deadline);
	config_free(host->reload->config);
	host->reload->config = NULL;
}
