/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of a running tunnel has changed. Either all that can be taken up
 * without `down` is, or nothing:
 *
 *   read, check -> plan -> tunnel makes it ready -> change this host
 *               -> tunnel takes it
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/file.h"
#include "host/host_dns.h"
#include "host/host_private.h"

/* The tunnel process parses the file once more, and certificates. */
#define LOAD_SECONDS 4.

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

static int read_text(const char *path, char **text, size_t *length)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = file_read(fd, text, length);
	close(fd);
	return err;
}

/* A memfd that nobody can change any more (memfd_create(2)), or -errno. */
static int seal(const char *text, size_t length)
{
	int fd = memfd_create("file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err = fd < 0 ? -errno : file_write(fd, text, length);

	/* It shares its position with the descriptor that is sent. */
	if (!err && (lseek(fd, 0, SEEK_SET) < 0 ||
		     fcntl(fd, F_ADD_SEALS,
			   F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
				   F_SEAL_SEAL) < 0))
		err = -errno;
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* Reads and checks the file; a sealed copy, or -errno with the first mistake.
 */
static int read_again(const struct host *host, struct config **config,
		      char *reason, size_t size)
{
	const char *path = host->config->path;
	struct problems problems = {0};
	char *text = NULL;
	size_t length = 0;
	int err = read_text(path, &text, &length), fd = -1;

	if (err) {
		snprintf(reason, size, "%.300s: %s", path, strerror(-err));
	} else {
		err = config_parse(path, text, length, note_problem, &problems,
				   config);
		snprintf(reason, size, "%s", problems.first);
	}
	if (!err) {
		fd = seal(text, length);
		if (fd < 0)
			snprintf(reason, size, "%s", strerror(-fd));
	}
	file_free(text, length);
	return err ? err : fd;
}

static int send_pem(struct host *host, const char *path, enum config_pem which,
		    char *reason, size_t size)
{
	struct channel_message message = {.type = CHANNEL_PEM};
	char *text = NULL;
	size_t length = 0;
	int err = read_text(path, &text, &length);
	int fd = err ? err : seal(text, length);

	file_free(text, length);
	if (fd < 0) {
		snprintf(reason, size, "%.300s: can't be read: %s", path,
			 strerror(-fd));
		return fd;
	}
	message.pem.which = which;
	err = channel_send(host->channel, &message, fd);
	close(fd);
	return err;
}

/* To the tunnel process, which answers with LOADED. */
static int send_files(struct host *host, const struct config *next, int fd,
		      char *reason, size_t size)
{
	struct channel_message message = {.type = CHANNEL_RELOAD};
	int err = 0;

	message.reload.id = ++host->reload.id;
	for (enum config_pem i = 0; !err && i < CONFIG_PEMS; i++) {
		const char *path = config_pem_path(next, i);

		if (path)
			err = send_pem(host, path, i, reason, size);
	}
	if (!err)
		err = channel_send(host->channel, &message, fd);
	if (err && !reason[0])
		snprintf(reason, size, "the tunnel process: %s",
			 strerror(-err));
	return err;
}

/* All that is to be in force here under a file. */
static int replan(struct host *host, const struct config *next,
		  struct change_list *wanted, char *reason, size_t size)
{
	if (next->role == CONFIG_SERVER)
		return host_server_replan(host, next, wanted, reason, size);
	return host_client_replan(host, next, wanted, reason, size);
}

static int carry_out(struct host *host, const struct config *next, char *reason,
		     size_t size)
{
	struct change_list wanted = {0};
	int err = replan(host, next, &wanted, reason, size);

	if (!err && wanted.count)
		err = host_transition(host, &wanted, reason, size);
	change_list_free(&wanted);
	if (!err && next->role == CONFIG_CLIENT)
		err = host_killswitch_change(host, next, reason, size);
	return err;
}

static void finish(struct host *host, json_t *answer)
{
	ev_timer_stop(host->loop, &host->reload.deadline);
	config_free(host->reload.config);
	host->reload.config = NULL;
	host_control_reloaded(host, answer);
	if (host->reload.again) {
		host->reload.again = false;
		host_reload(host);
	}
}

static void refuse(struct host *host, const char *reason)
{
	char text[HOST_REASON_SIZE];

	snprintf(text, sizeof(text), UNCHANGED, reason);
	log_error("%s: reload: %s", host->config->name, text);
	finish(host, json_pack("{s:b,s:s}", "ok", 0, "error", text));
}

/* What was done here is undone: the old file was carried out before. */
static int change_host(struct host *host, struct config *next, char *reason,
		       size_t size)
{
	char why[HOST_REASON_SIZE] = "";
	int err = carry_out(host, next, reason, size);

	if (err && carry_out(host, host->config, why, sizeof(why)))
		log_error("%s: %s", host->config->name, why);
	return err;
}

static void take(struct host *host)
{
	struct config *next = host->reload.config, *old = host->config;
	char *rest = config_unreloadable(old, next);
	char reason[HOST_REASON_SIZE] = "";

	config_keep_unreloadable(old, next);
	if (change_host(host, next, reason, sizeof(reason))) {
		config_keep_unreloadable(old, next);
		free(rest);
		refuse(host, reason);
		return;
	}
	if (host->channel)
		channel_send_type(host->channel, CHANNEL_TAKE);
	host->config = next;
	host->reload.config = NULL;
	config_free(old);
	log_set_level(next->log_level);
	if (next->role == CONFIG_CLIENT)
		host_dns_watch(host);
	log_notice("%s: the file is read again%s%s", next->name,
		   rest ? "; needs down and up: " : "", rest ? rest : "");
	finish(host, rest ? json_pack("{s:b,s:s}", "ok", 1, "waiting", rest)
			  : json_pack("{s:b}", "ok", 1));
	free(rest);
}

/* Can it be carried out here at all? Nothing is changed yet. */
static int check(struct host *host, struct config *next, char *reason,
		 size_t size)
{
	struct change_list wanted = {0};
	int err = config_keep_unreloadable(host->config, next);

	if (err) {
		snprintf(reason, size,
			 "from a server to a client, or from keys to "
			 "certificates, it takes minivpn down %s, and up",
			 host->config->name);
		return err;
	}
	err = replan(host, next, &wanted, reason, size);
	change_list_free(&wanted);
	config_keep_unreloadable(host->config, next);
	return err;
}

void host_reload(struct host *host)
{
	char reason[HOST_REASON_SIZE] = "";
	struct config *next = NULL;
	int fd, err;

	if (host->reload.config) {
		host->reload.again = true;
		return;
	}
	host_control_reloading(host);
	fd = read_again(host, &next, reason, sizeof(reason));
	err = fd < 0 ? fd : check(host, next, reason, sizeof(reason));
	if (!err && host->channel)
		err = send_files(host, next, fd, reason, sizeof(reason));
	if (fd >= 0)
		close(fd);
	host->reload.config = next;
	if (err)
		refuse(host, reason);
	else if (host->channel)
		ev_timer_again(host->loop, &host->reload.deadline);
	else
		take(host);
}

void host_reload_loaded(struct host *host, const struct channel_message *loaded)
{
	bool start = loaded->loaded.id == 0;

	/* One that comes too late was refused. */
	if (!start &&
	    (!host->reload.config || loaded->loaded.id != host->reload.id))
		return;
	if (loaded->loaded.error) {
		refuse(host, loaded->loaded.reason);
		return;
	}
	host->expires = loaded->loaded.expires;
	if (!start)
		take(host);
}

void host_reload_interrupted(struct host *host)
{
	if (host->reload.config)
		refuse(host, "the tunnel process has ended meanwhile");
}

static void expired(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	refuse(timer->data, "the tunnel process does not answer");
}

void host_reload_init(struct host *host)
{
	ev_init(&host->reload.deadline, expired);
	host->reload.deadline.repeat = LOAD_SECONDS;
	host->reload.deadline.data = host;
}

void host_reload_free(struct host *host)
{
	ev_timer_stop(host->loop, &host->reload.deadline);
	config_free(host->reload.config);
	host->reload.config = NULL;
}
