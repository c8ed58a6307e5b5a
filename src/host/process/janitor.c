/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/janitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ipc/control_socket.h"
#include "common/log.h"
#include "common/process.h"
#include "host/process/confine.h"
#include "host/process/lock.h"
#include "host/process/log_file.h"

/*
 * The others die with host, but not in the same instant; what takes longer is
 * logged.
 */
#define LOCK_WAIT_MS 10000
/* Host waits this long for the answer to REVERT. */
#define REVERT_MS 8000

/* One byte is a message. */
enum { GONE = 0, GOODBYE = 'g', REVERT = 'r', DONE = 'd', FAILED = 'f' };

/* The janitor outlives a Ctrl-C and a careless kill. */
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

/* Returns the next message of host, GONE where it died without one. */
static char wait_for_host(int fd)
{
	char byte;
	ssize_t got;

	do {
		got = read(fd, &byte, 1);
	} while (got < 0 && errno == EINTR);
	return got == 1 ? byte : GONE;
}

static int revert(const struct janitor *janitor)
{
	return lock_heal_own(janitor->tunnel, janitor->privileges.netns_fd,
			     janitor->privileged);
}

static void heal(const struct janitor *janitor)
{
	int healed = revert(janitor);

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

/*
 * What host and the launcher have left alive has the lock until it ends, and it
 * does: each process has been killed. But the kernel may not be done with one
 * for as long as a disk or a server of files does not answer. Somebody else
 * with the lock is an `up` or `down`, which heals as well: -EBUSY.
 */
static int take_lock(const struct janitor *janitor, int *lock)
{
	bool waits = false;
	pid_t holder;
	int err;

	do {
		err = lock_take(janitor->tunnel, LOCK_WAIT_MS, lock, &holder);
		if (err == -EBUSY && holder == janitor->host && !waits)
			log_error(
				"%s: the host process was killed, and another "
				"process of this tunnel does not end: what "
				"was changed is put back once it has",
				janitor->tunnel);
		waits = err == -EBUSY && holder == janitor->host;
	} while (waits);
	return err;
}

static void clean_up(const struct janitor *janitor)
{
	struct log_file *log = NULL;
	int lock;

	/* It has the tun device, and nobody reads what it says any more. */
	if (janitor->launcher >= 0)
		process_kill(janitor->launcher);
	if (!janitor->foreground)
		log_file_open(&log, janitor->tunnel);
	if (!take_lock(janitor, &lock)) {
		heal(janitor);
		lock_drop(janitor->tunnel, lock);
	}
	log_file_close(log);
}

/* Host has the lock, and waits for the answer. */
static void revert_for_host(const struct janitor *janitor, int fd)
{
	struct log_file *log = NULL;
	char answer;

	if (!janitor->foreground)
		log_file_open(&log, janitor->tunnel);
	answer = revert(janitor) < 0 ? FAILED : DONE;
	log_file_close(log);
	(void)!send(fd, &answer, 1, MSG_NOSIGNAL);
}

static void __attribute__((noreturn)) run(const struct janitor *janitor, int fd)
{
	const struct janitor_privileges *privileges = &janitor->privileges;
	const int keep[] = {fd, privileges->netns_fd, janitor->launcher};
	char word;

	ignore_signals();
	/* It must not keep the tun, nor the socket that owns our nft tables. */
	process_close_others(keep, 3);
	/* The lock, once free, tells that the tunnel process is gone as well.
	 */
	close(janitor->lock_fd);
	log_set_sink(NULL, NULL);
	prctl(PR_SET_NAME, "minivpn-janitor", 0, 0, 0);
	if (janitor->privileged &&
	    confine_janitor(privileges->config, privileges->resolv_conf))
		_exit(1);
	while ((word = wait_for_host(fd)) == REVERT)
		revert_for_host(janitor, fd);
	if (word == GONE)
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
	if (janitor->privileged)
		log_warning("%s: it alone could remove network namespaces: in "
			    "the end minivpn down %s will have to",
			    janitor->tunnel, janitor->tunnel);
	janitor->privileged = false;
	janitor->privileges.netns_fd = -1;
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

int janitor_start(struct janitor *janitor,
		  const struct janitor_privileges *privileges)
{
	janitor->host = getpid();
	janitor->privileged = privileges;
	janitor->privileges.netns_fd = -1;
	if (privileges)
		janitor->privileges = *privileges;
	return launch(janitor);
}

int janitor_revert(struct janitor *janitor)
{
	struct pollfd ready = {.fd = janitor->fd, .events = POLLIN};
	const char word = REVERT;
	char answer = FAILED;
	int got;

	if (janitor->fd < 0)
		return -ESRCH;
	if (send(janitor->fd, &word, 1, MSG_NOSIGNAL) < 0)
		return -errno;
	do {
		got = poll(&ready, 1, REVERT_MS);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return -ETIMEDOUT;
	if (recv(janitor->fd, &answer, 1, 0) < 0)
		return -errno;
	return answer == DONE ? 0 : -EIO;
}

void janitor_dismiss(struct janitor *janitor)
{
	const char goodbye = GOODBYE;

	if (janitor->fd < 0)
		return;
	ev_io_stop(janitor->loop, &janitor->watcher);
	/* It would take our closing for a death, and wait for our lock. */
	if (send(janitor->fd, &goodbye, 1, MSG_NOSIGNAL) < 0)
		kill(janitor->pid, SIGKILL);
	close(janitor->fd);
	janitor->fd = -1;
	while (waitpid(janitor->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
