/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/launcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/process.h"
#include "host/process/confine.h"
#include "host/process/launcher_files.h"
#include "host/process/lookup_child.h"
#include "host/process/user.h"
#include "tunnel/sandbox.h"

/* channel, tun and the UDP sockets */
#define DESCRIPTORS (2 + TUNNEL_SOCKETS)
/*
 * The launcher has nothing else to do than to answer. Lists of revoked
 * certificates may have millions of entries to be sorted.
 */
#define ANSWER_MS 3000
#define LOAD_MS	  15000
/* All that it has to wait for is the end of processes that it has killed. */
#define END_MS 2000

enum request_type {
	REQUEST_TUNNEL = 1,
	REQUEST_LOAD,
	REQUEST_TAKE,
	REQUEST_END,
	REQUEST_LOOKUP,
	REQUEST_END_LOOKUP,
};

struct request {
	uint32_t type;
	uint32_t udp_count;
	uint32_t udp_there; /* a bit for each that there is */
	uint32_t tun_header, tun_usable;
};

struct answer {
	int32_t error;
	int32_t value;	     /* a pid, or a status */
	uint32_t pems_there; /* a bit for each that comes along */
	struct reason reason;
};

/* The launcher's own state. */
struct state {
	struct tunnel_arguments arguments;
	int fd;
	struct launcher_files files; /* applied */
	struct launcher_files next;  /* may be taken */
	bool read;		     /* the PEM files were, at the start */
	pid_t tunnel;		     /* 0: none */
	int status;		     /* of the last one */
	pid_t lookup;		     /* the same */
	struct user lookup_user;
};

_Static_assert(DESCRIPTORS <= PROCESS_FDS && CONFIG_PEMS <= PROCESS_FDS,
	       "one message has them all");

struct message {
	struct request request;
	struct process_fds fds;
};

/* Returns its status (waitpid(2)), also where it had ended before. */
static int end_tunnel(struct state *state)
{
	if (state->tunnel <= 0)
		return state->status;
	kill(state->tunnel, SIGKILL);
	while (waitpid(state->tunnel, &state->status, 0) < 0 && errno == EINTR)
		;
	state->tunnel = 0;
	return state->status;
}

static void end_lookup(struct state *state)
{
	if (state->lookup <= 0)
		return;
	kill(state->lookup, SIGKILL);
	while (waitpid(state->lookup, NULL, 0) < 0 && errno == EINTR)
		;
	state->lookup = 0;
}

/* False: host, or what has become of it, talks nonsense. */
static bool unpack(struct tunnel_arguments *arguments,
		   const struct message *message)
{
	unsigned used = 2;

	if (message->fds.count < used ||
	    message->request.udp_count > TUNNEL_SOCKETS)
		return false;
	arguments->channel_fd = message->fds.list[0];
	arguments->tun_fd = message->fds.list[1];
	arguments->tun_header = message->request.tun_header;
	arguments->tun_usable = message->request.tun_usable;
	arguments->udp_count = message->request.udp_count;
	for (unsigned i = 0; i < arguments->udp_count; i++) {
		arguments->udp_fds[i] = -1;
		if (!(message->request.udp_there & 1u << i))
			continue;
		if (used == message->fds.count)
			return false;
		arguments->udp_fds[i] = message->fds.list[used++];
	}
	return true;
}

/* The tunnel process reports those that can't be read. */
static void hold_files(struct state *state)
{
	struct reason reason;

	if (!state->read)
		launcher_files_read(&state->files, &reason);
	state->read = true;
	state->arguments.config = state->files.config;
	memcpy(state->arguments.pem_fds, state->files.pems,
	       sizeof(state->files.pems));
}

static struct answer start_tunnel(struct state *state,
				  const struct message *message)
{
	if (!unpack(&state->arguments, message))
		return (struct answer){.error = -EPROTO};
	end_tunnel(state);
	hold_files(state);
	state->tunnel = fork();
	if (state->tunnel < 0)
		return (struct answer){.error = -errno};
	if (state->tunnel == 0) {
		/* The sandbox does so again, as a new user clears it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		prctl(PR_SET_NAME, "minivpn-tunnel", 0, 0, 0);
		launcher_files_free(&state->next);
		tunnel_main(&state->arguments);
	}
	return (struct answer){.value = state->tunnel};
}

/* The PEM files go to host, which hands them on unread. */
static struct answer load_files(struct state *state,
				const struct message *message,
				struct process_fds *pems)
{
	struct answer answer = {.error = -EPROTO};

	launcher_files_free(&state->next);
	if (message->fds.count != 1)
		return answer;
	answer.error =
		launcher_files_load(&state->next, state->files.config,
				    message->fds.list[0], &answer.reason);
	for (unsigned i = 0; i < CONFIG_PEMS; i++) {
		if (state->next.pems[i] < 0)
			continue;
		answer.pems_there |= 1u << i;
		pems->list[pems->count++] = state->next.pems[i];
	}
	return answer;
}

/* The tunnel process may not give itself more memory. */
static struct answer take_files(struct state *state)
{
	struct answer answer = {
		.error = launcher_files_take(&state->files, &state->next),
	};

	state->arguments.config = state->files.config;
	if (!answer.error && state->tunnel > 0)
		answer.value =
			sandbox_raise_memory(&state->arguments, state->tunnel);
	return answer;
}

/* A process that parses strangers' answers must not have a key. */
static void __attribute__((noreturn)) become_lookup(struct state *state, int fd)
{
	pid_t parent = state->arguments.parent;
	struct user user = state->lookup_user;

	launcher_files_free(&state->next);
	launcher_files_free(&state->files);
	ticket_key_unmap(state->arguments.ticket_key);
	lookup_child_main(fd, &user, parent);
}

static struct answer start_lookup(struct state *state,
				  const struct message *message)
{
	if (message->fds.count != 1)
		return (struct answer){.error = -EPROTO};
	end_lookup(state);
	state->lookup = fork();
	if (state->lookup == 0)
		become_lookup(state, message->fds.list[0]);
	return (struct answer){.error = state->lookup < 0 ? -errno : 0};
}

static void serve(struct state *state, struct message *message)
{
	struct answer answer = {0};
	struct process_fds fds = {.count = 0};

	switch ((enum request_type)message->request.type) {
	case REQUEST_TUNNEL:
		answer = start_tunnel(state, message);
		break;
	case REQUEST_LOAD:
		answer = load_files(state, message, &fds);
		break;
	case REQUEST_TAKE:
		answer = take_files(state);
		break;
	case REQUEST_END:
		answer.value = end_tunnel(state);
		break;
	case REQUEST_LOOKUP:
		answer = start_lookup(state, message);
		break;
	case REQUEST_END_LOOKUP:
		end_lookup(state);
		break;
	}
	process_send(state->fd, &answer, sizeof(answer), &fds);
}

/* The launcher outlives a Ctrl-C, as the janitor does. */
static void ignore_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT,
				      SIGPIPE};
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * False at the end of host. A message without its descriptors, for which this
 * process had no room, is answered as one that makes no sense.
 */
static bool receive(int fd, struct message *message)
{
	ssize_t got = process_receive(fd, &message->request,
				      sizeof(message->request), &message->fds);

	return got == sizeof(message->request) || got == -EMSGSIZE;
}

static void __attribute__((noreturn)) run(struct state *state)
{
	struct message message;
	struct user user;

	ignore_signals();
	process_close_others(&state->fd, 1);
	log_set_sink(NULL, NULL);
	prctl(PR_SET_NAME, "minivpn-launch", 0, 0, 0);
	state->arguments.parent = getpid();
	/* Looked up while that is still possible. */
	user = user_of_tunnel();
	state->arguments.uid = user.uid;
	state->arguments.gid = user.gid;
	state->lookup_user = user_unused(user.uid);
	state->arguments.ticket_key = ticket_key_share();
	tunnel_prepare();
	if (confine_launcher(&state->arguments, &state->lookup_user))
		_exit(1);
	while (receive(state->fd, &message)) {
		serve(state, &message);
		process_close_fds(&message.fds);
	}
	end_tunnel(state);
	end_lookup(state);
	launcher_files_free(&state->next);
	launcher_files_free(&state->files);
	_exit(0);
}

/* Nothing comes but answers that are waited for: this is its end. */
static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct launcher *launcher = watcher->data;

	(void)loop;
	(void)events;
	launcher_dismiss(launcher);
	launcher->died(launcher->owner);
}

int launcher_start(struct launcher *launcher, struct ev_loop *loop,
		   struct config *config, int lock_fd,
		   void (*died)(void *owner), void *owner)
{
	int ends[2];
	struct state state = {
		.arguments = {.config = config, .lock_fd = lock_fd},
	};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	launcher_files_init(&state.files, config);
	launcher_files_init(&state.next, NULL);
	launcher->pid = fork();
	if (launcher->pid == 0) {
		state.fd = ends[1];
		run(&state);
	}
	close(ends[1]);
	if (launcher->pid < 0) {
		close(ends[0]);
		return -EAGAIN;
	}
	/* Without it nobody can end one that hangs once host has died. */
	launcher->pidfd = process_open(launcher->pid);
	if (launcher->pidfd < 0)
		log_warning("the launcher process can't be watched: %s",
			    strerror(-launcher->pidfd));
	launcher->loop = loop;
	launcher->died = died;
	launcher->owner = owner;
	launcher->fd = ends[0];
	ev_io_init(&launcher->watcher, readable, launcher->fd, EV_READ);
	launcher->watcher.data = launcher;
	ev_io_start(loop, &launcher->watcher);
	return 0;
}

/* Sends a request, and waits for the answer. */
static int ask(struct launcher *launcher, const struct message *message,
	       struct answer *answer, struct process_fds *fds)
{
	struct pollfd ready = {.fd = launcher->fd, .events = POLLIN};
	int err, count;
	ssize_t got;

	memset(answer, 0, sizeof(*answer));
	fds->count = 0;
	if (launcher->fd < 0)
		return -EPIPE;
	err = process_send(launcher->fd, &message->request,
			   sizeof(message->request), &message->fds);
	if (err)
		return err;
	/* Signals are the loop's: an answer that came later would be the end.
	 */
	do {
		count = poll(&ready, 1,
			     message->request.type == REQUEST_LOAD ? LOAD_MS
								   : ANSWER_MS);
	} while (count < 0 && errno == EINTR);
	if (count <= 0)
		return -ETIMEDOUT;
	got = process_receive(launcher->fd, answer, sizeof(*answer), fds);
	if (got != sizeof(*answer))
		return got < 0 ? (int)got : -EPIPE;
	return answer->error;
}

/* Asks where no descriptors come back. */
static int ask_value(struct launcher *launcher, const struct message *message,
		     int *value)
{
	struct answer answer;
	struct process_fds fds;
	int err = ask(launcher, message, &answer, &fds);

	process_close_fds(&fds);
	*value = answer.value;
	return err;
}

int launcher_tunnel(struct launcher *launcher,
		    const struct tunnel_arguments *arguments, pid_t *pid)
{
	struct message message = {
		.request = {.type = REQUEST_TUNNEL,
			    .udp_count = arguments->udp_count,
			    .tun_header = arguments->tun_header,
			    .tun_usable = arguments->tun_usable},
		.fds = {{arguments->channel_fd, arguments->tun_fd}, 2},
	};

	for (unsigned i = 0; i < arguments->udp_count; i++) {
		if (arguments->udp_fds[i] < 0)
			continue;
		message.request.udp_there |= 1u << i;
		message.fds.list[message.fds.count++] = arguments->udp_fds[i];
	}
	return ask_value(launcher, &message, pid);
}

int launcher_load(struct launcher *launcher, int fd, int pems[CONFIG_PEMS],
		  struct reason *reason)
{
	const struct message message = {
		.request.type = REQUEST_LOAD,
		.fds = {{fd}, 1},
	};
	struct answer answer;
	struct process_fds fds;
	unsigned used = 0;
	int err = ask(launcher, &message, &answer, &fds);

	for (unsigned i = 0; i < CONFIG_PEMS; i++)
		pems[i] = answer.pems_there & 1u << i && used < fds.count
				  ? fds.list[used++]
				  : -1;
	answer.reason.text[sizeof(answer.reason.text) - 1] = '\0';
	*reason = answer.reason;
	return err;
}

int launcher_take(struct launcher *launcher, int *unraised)
{
	const struct message message = {.request.type = REQUEST_TAKE};

	return ask_value(launcher, &message, unraised);
}

int launcher_end_tunnel(struct launcher *launcher, int *status)
{
	const struct message message = {.request.type = REQUEST_END};

	return ask_value(launcher, &message, status);
}

int launcher_lookup(struct launcher *launcher, int fd)
{
	const struct message message = {
		.request.type = REQUEST_LOOKUP,
		.fds = {{fd}, 1},
	};
	int nothing;

	return ask_value(launcher, &message, &nothing);
}

void launcher_end_lookup(struct launcher *launcher)
{
	const struct message message = {.request.type = REQUEST_END_LOOKUP};
	int nothing;

	ask_value(launcher, &message, &nothing);
}

/* Once its descriptor is closed here. Without a pidfd there is no telling. */
static bool ends_by_itself(const struct launcher *launcher)
{
	struct pollfd ended = {.fd = launcher->pidfd, .events = POLLIN};
	int count;

	if (launcher->pidfd < 0)
		return true;
	do {
		count = poll(&ended, 1, END_MS);
	} while (count < 0 && errno == EINTR);
	return count != 0;
}

void launcher_dismiss(struct launcher *launcher)
{
	if (launcher->fd < 0)
		return;
	ev_io_stop(launcher->loop, &launcher->watcher);
	close(launcher->fd);
	launcher->fd = -1;
	if (!ends_by_itself(launcher))
		kill(launcher->pid, SIGKILL);
	while (waitpid(launcher->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (launcher->pidfd >= 0)
		close(launcher->pidfd);
	launcher->pidfd = -1;
}
