/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/janitor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/control.h"
#include "common/descriptors.h"
#include "common/log.h"
#include "host/lock.h"
#include "host/log_file.h"

/* The tunnel process dies with host, but not in the same instant. */
#define LOCK_WAIT_MS 10000

/* What only root may end: it outlives a Ctrl-C and a careless kill. */
static void ignore_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT,
				      SIGPIPE};
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* True: host has said goodbye. False: it is gone without a word. */
static bool wait_for_host(int fd)
{
	char byte;
	ssize_t got;

	do {
		got = read(fd, &byte, 1);
	} while (got < 0 && errno == EINTR);
	return got == 1;
}

static void heal(const struct janitor *janitor)
{
	int healed = lock_heal(janitor->tunnel);

	if (healed < 0)
		log_error("%s: the host process was killed, and not everything "
			  "could be put back: %s; minivpn down %s tries again",
			  janitor->tunnel, lock_heal_error(healed),
			  janitor->tunnel);
	else
		log_error("%s: the host process was killed: put back %d "
			  "changes",
			  janitor->tunnel, healed);
	/* All that is left now is a kill switch, which is not for us to lift.
	 */
	if (healed >= 0 && control_left_behind(janitor->tunnel))
		log_error("%s: the kill switch stays: nothing leaves this host "
			  "until minivpn down %s",
			  janitor->tunnel, janitor->tunnel);
}

/* Where an `up` or `down` is faster to get the lock, it heals as well. */
static void clean_up(const struct janitor *janitor)
{
	struct log_file *log = NULL;
	pid_t holder;
	int lock;

	if (lock_take(janitor->tunnel, LOCK_WAIT_MS, &lock, &holder))
		return;
	if (!janitor->foreground)
		log_file_open(&log, janitor->tunnel);
	heal(janitor);
	log_file_close(log);
	lock_drop(janitor->tunnel, lock);
}

static void __attribute__((noreturn)) run(const struct janitor *janitor, int fd)
{
	ignore_signals();
	/* Above all not the tun, nor the socket that owns our nft tables. */
	descriptors_close_others(&fd, 1);
	/* Nor the lock: it tells when the tunnel process is gone as well. */
	close(janitor->lock_fd);
	log_set_sink(NULL, NULL);
	prctl(PR_SET_NAME, "minivpn-janitor", 0, 0, 0);
	if (!wait_for_host(fd))
		clean_up(janitor);
	_exit(0);
}

static int launch(struct janitor *janitor);

/* The janitor has died: its descriptor is at its end. */
static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct janitor *janitor = watcher->data;
	int error;

	(void)events;
	ev_io_stop(loop, watcher);
	close(janitor->fd);
	janitor->fd = -1;
	while (waitpid(janitor->pid, NULL, 0) < 0 && errno == EINTR)
		;
	error = launch(janitor);
	if (error)
		log_error("the janitor process has died, and can't be started "
			  "again: %s",
			  strerror(-error));
	else
		log_warning("the janitor process has died: started again");
}

static int launch(struct janitor *janitor)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	janitor->pid = fork();
	if (janitor->pid == 0)
		run(janitor, ends[1]);
	close(ends[1]);
	if (janitor->pid < 0) {
		close(ends[0]);
		return -EAGAIN;
	}
	janitor->fd = ends[0];
	ev_io_init(&janitor->watcher, readable, janitor->fd, EV_READ);
	janitor->watcher.data = janitor;
	ev_io_start(janitor->loop, &janitor->watcher);
	return 0;
}

int janitor_start(struct janitor *janitor, struct ev_loop *loop,
		  const char *tunnel, int lock_fd, bool foreground)
{
	janitor->loop = loop;
	snprintf(janitor->tunnel, sizeof(janitor->tunnel), "%s", tunnel);
	janitor->lock_fd = lock_fd;
	janitor->foreground = foreground;
	return launch(janitor);
}

void janitor_dismiss(struct janitor *janitor)
{
	if (janitor->fd < 0)
		return;
	ev_io_stop(janitor->loop, &janitor->watcher);
	/* It would take our closing for a death, and wait for our lock. */
	if (send(janitor->fd, "g", 1, MSG_NOSIGNAL) < 0)
		kill(janitor->pid, SIGKILL);
	close(janitor->fd);
	janitor->fd = -1;
	while (waitpid(janitor->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
