/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nursery.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/descriptors.h"
#include "common/log.h"
#include "host/confine.h"

/* nobody and nogroup where the system does not say otherwise. */
#define NOBODY 65534
/* channel, tun and the UDP sockets */
#define DESCRIPTORS (2 + TUNNEL_SOCKETS)
/* It has nothing else to do than to answer. */
#define ANSWER_MS 3000

enum wish { WISH_TUNNEL = 1, WISH_CONFIG, WISH_END };

struct request {
	uint32_t wish;
	uint32_t udp_count;
	uint32_t udp_there; /* a bit for each that there is */
	uint32_t tun_header, tun_usable;
};

struct answer {
	int32_t error;
	int32_t value; /* a pid, or a status */
};

/* The nursery's own state. */
struct ward {
	struct tunnel_arguments arguments;
	int fd;
	int config_fd; /* -1: the file is as it was at the start */
	pid_t tunnel;  /* 0: none */
	int status;    /* of the last one */
};

struct parcel {
	struct request request;
	int fds[DESCRIPTORS];
	unsigned count;
};

union parcel_control {
	struct cmsghdr head;
	char space[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
};

static int send_parcel(int fd, const struct parcel *parcel)
{
	struct iovec vector = {(void *)&parcel->request,
			       sizeof(parcel->request)};
	union parcel_control control = {0};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	size_t bytes = parcel->count * sizeof(int);

	if (parcel->count) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(&control.head), parcel->fds, bytes);
	}
	while (sendmsg(fd, &header, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static void take_fds(struct msghdr *header, struct parcel *parcel)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(header);

	if (!head || head->cmsg_level != SOL_SOCKET ||
	    head->cmsg_type != SCM_RIGHTS)
		return;
	parcel->count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(parcel->fds, CMSG_DATA(head), parcel->count * sizeof(int));
}

/* False: host is gone. */
static bool receive_parcel(int fd, struct parcel *parcel)
{
	struct iovec vector = {&parcel->request, sizeof(parcel->request)};
	union parcel_control control;
	struct msghdr header = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got;

	memset(parcel, 0, sizeof(*parcel));
	do {
		got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got > 0)
		take_fds(&header, parcel);
	return got == sizeof(parcel->request);
}

static void close_parcel(const struct parcel *parcel)
{
	for (unsigned i = 0; i < parcel->count; i++)
		close(parcel->fds[i]);
}

/* Its status, as of waitpid(2); also where it had ended before. */
static int end_tunnel(struct ward *ward)
{
	if (ward->tunnel <= 0)
		return ward->status;
	kill(ward->tunnel, SIGKILL);
	while (waitpid(ward->tunnel, &ward->status, 0) < 0 && errno == EINTR)
		;
	ward->tunnel = 0;
	return ward->status;
}

/* False: host, or what has become of it, talks nonsense. */
static bool unpack(struct tunnel_arguments *arguments,
		   const struct parcel *parcel)
{
	unsigned used = 2;

	if (parcel->count < used || parcel->request.udp_count > TUNNEL_SOCKETS)
		return false;
	arguments->channel_fd = parcel->fds[0];
	arguments->tun_fd = parcel->fds[1];
	arguments->tun_header = parcel->request.tun_header;
	arguments->tun_usable = parcel->request.tun_usable;
	arguments->udp_count = parcel->request.udp_count;
	for (unsigned i = 0; i < arguments->udp_count; i++) {
		arguments->udp_fds[i] = -1;
		if (!(parcel->request.udp_there & 1u << i))
			continue;
		if (used == parcel->count)
			return false;
		arguments->udp_fds[i] = parcel->fds[used++];
	}
	return true;
}

/* In the tunnel process: the file as it is now. */
static void take_up_config(struct ward *ward)
{
	struct tunnel_arguments *arguments = &ward->arguments;
	struct config *next = NULL;

	if (ward->config_fd < 0)
		return;
	if (config_map(arguments->config->path, ward->config_fd, &next) ||
	    config_keep_unreloadable(arguments->config, next))
		_exit(1);
	config_free(arguments->config);
	arguments->config = next;
}

static struct answer start_tunnel(struct ward *ward,
				  const struct parcel *parcel)
{
	if (!unpack(&ward->arguments, parcel))
		return (struct answer){.error = -EPROTO};
	end_tunnel(ward);
	ward->tunnel = fork();
	if (ward->tunnel < 0)
		return (struct answer){.error = -errno};
	if (ward->tunnel == 0) {
		prctl(PR_SET_NAME, "minivpn-tunnel", 0, 0, 0);
		take_up_config(ward);
		tunnel_main(&ward->arguments);
	}
	return (struct answer){.value = ward->tunnel};
}

static void take_config(struct ward *ward, struct parcel *parcel)
{
	if (parcel->count != 1)
		return;
	if (ward->config_fd >= 0)
		close(ward->config_fd);
	ward->config_fd = parcel->fds[0];
	parcel->count = 0;
}

static void serve(struct ward *ward, struct parcel *parcel)
{
	struct answer answer = {0};

	switch ((enum wish)parcel->request.wish) {
	case WISH_TUNNEL:
		answer = start_tunnel(ward, parcel);
		break;
	case WISH_CONFIG:
		take_config(ward, parcel);
		break;
	case WISH_END:
		answer.value = end_tunnel(ward);
		break;
	}
	(void)!send(ward->fd, &answer, sizeof(answer), MSG_NOSIGNAL);
}

/* Whom the tunnel process becomes; looked up while that is still possible. */
static void choose_user(struct tunnel_arguments *arguments)
{
	const struct passwd *user = getpwnam("minivpn");

	if (!user)
		user = getpwnam("nobody");
	arguments->uid = user ? user->pw_uid : NOBODY;
	arguments->gid = user ? user->pw_gid : NOBODY;
}

/* What only host and root may end: as the janitor. */
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

static void __attribute__((noreturn)) run(struct ward *ward)
{
	struct parcel parcel;

	ignore_signals();
	descriptors_close_others(&ward->fd, 1);
	log_set_sink(NULL, NULL);
	prctl(PR_SET_NAME, "minivpn-nursery", 0, 0, 0);
	ward->arguments.parent = getpid();
	choose_user(&ward->arguments);
	tunnel_prepare();
	if (confine_nursery(&ward->arguments))
		_exit(1);
	while (receive_parcel(ward->fd, &parcel)) {
		serve(ward, &parcel);
		close_parcel(&parcel);
	}
	end_tunnel(ward);
	config_free(ward->arguments.config);
	_exit(0);
}

/* Nothing comes but answers that are waited for: this is its end. */
static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct nursery *nursery = watcher->data;

	(void)loop;
	(void)events;
	nursery_dismiss(nursery);
	nursery->died(nursery->owner);
}

int nursery_start(struct nursery *nursery, struct ev_loop *loop,
		  struct config *config, int lock_fd, void (*died)(void *owner),
		  void *owner)
{
	int ends[2];
	struct ward ward = {
		.arguments = {.config = config, .lock_fd = lock_fd},
		.config_fd = -1,
	};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	nursery->pid = fork();
	if (nursery->pid == 0) {
		ward.fd = ends[1];
		run(&ward);
	}
	close(ends[1]);
	if (nursery->pid < 0) {
		close(ends[0]);
		return -EAGAIN;
	}
	nursery->loop = loop;
	nursery->died = died;
	nursery->owner = owner;
	nursery->fd = ends[0];
	ev_io_init(&nursery->watcher, readable, nursery->fd, EV_READ);
	nursery->watcher.data = nursery;
	ev_io_start(loop, &nursery->watcher);
	return 0;
}

/* Sends, and waits for the answer. */
static int ask(struct nursery *nursery, const struct parcel *parcel, int *value)
{
	struct pollfd ready = {.fd = nursery->fd, .events = POLLIN};
	struct answer answer;
	int err;

	if (nursery->fd < 0)
		return -EPIPE;
	err = send_parcel(nursery->fd, parcel);
	if (err)
		return err;
	if (poll(&ready, 1, ANSWER_MS) <= 0)
		return -ETIMEDOUT;
	if (recv(nursery->fd, &answer, sizeof(answer), 0) != sizeof(answer))
		return -EPIPE;
	*value = answer.value;
	return answer.error;
}

int nursery_tunnel(struct nursery *nursery,
		   const struct tunnel_arguments *arguments, pid_t *pid)
{
	struct parcel parcel = {
		.request = {.wish = WISH_TUNNEL,
			    .udp_count = arguments->udp_count,
			    .tun_header = arguments->tun_header,
			    .tun_usable = arguments->tun_usable},
		.fds = {arguments->channel_fd, arguments->tun_fd},
		.count = 2,
	};

	for (unsigned i = 0; i < arguments->udp_count; i++) {
		if (arguments->udp_fds[i] < 0)
			continue;
		parcel.request.udp_there |= 1u << i;
		parcel.fds[parcel.count++] = arguments->udp_fds[i];
	}
	return ask(nursery, &parcel, pid);
}

int nursery_config(struct nursery *nursery, int fd)
{
	struct parcel parcel = {
		.request.wish = WISH_CONFIG,
		.fds = {fd},
		.count = 1,
	};
	int nothing;

	return ask(nursery, &parcel, &nothing);
}

int nursery_end_tunnel(struct nursery *nursery, int *status)
{
	const struct parcel parcel = {.request.wish = WISH_END};

	return ask(nursery, &parcel, status);
}

void nursery_dismiss(struct nursery *nursery)
{
	if (nursery->fd < 0)
		return;
	ev_io_stop(nursery->loop, &nursery->watcher);
	close(nursery->fd);
	nursery->fd = -1;
	while (waitpid(nursery->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
