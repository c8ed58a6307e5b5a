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

#include "common/descriptors.h"
#include "common/fds.h"
#include "common/log.h"
#include "host/process/confine.h"
#include "host/process/launcher_files.h"
#include "host/dns/lookup_child.h"
#include "host/process/user.h"

/* channel, tun and the UDP sockets */
#define DESCRIPTORS (2 + TUNNEL_SOCKETS)
/* It has nothing else to do than to answer. */
#define ANSWER_MS 3000

enum wish {
	WISH_TUNNEL = 1,
	WISH_LOAD,
	WISH_TAKE,
	WISH_END,
	WISH_LOOKUP,
	WISH_END_LOOKUP,
};

struct request {
	uint32_t wish;
	uint32_t udp_count;
	uint32_t udp_there; /* a bit for each that there is */
	uint32_t tun_header, tun_usable;
};

struct answer {
	int32_t error;
	int32_t value;	     /* a pid, a status, or enum config_pem */
	uint32_t pems_there; /* a bit for each that comes along */
};

/* The nursery's own state. */
struct ward {
	struct tunnel_arguments arguments;
	int fd;
	struct nursery_files files; /* in force */
	struct nursery_files next;  /* may be taken */
	bool read;		    /* the PEM files were, at the start */
	pid_t tunnel;		    /* 0: none */
	int status;		    /* of the last one */
	pid_t lookup;		    /* the same */
	struct user lookup_user;
};

_Static_assert(DESCRIPTORS <= FDS_MOST && CONFIG_PEMS <= FDS_MOST,
	       "one message has them all");

struct parcel {
	struct request request;
	struct fds fds;
};

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

static void end_lookup(struct ward *ward)
{
	if (ward->lookup <= 0)
		return;
	kill(ward->lookup, SIGKILL);
	while (waitpid(ward->lookup, NULL, 0) < 0 && errno == EINTR)
		;
	ward->lookup = 0;
}

/* False: host, or what has become of it, talks nonsense. */
static bool unpack(struct tunnel_arguments *arguments,
		   const struct parcel *parcel)
{
	unsigned used = 2;

	if (parcel->fds.count < used ||
	    parcel->request.udp_count > TUNNEL_SOCKETS)
		return false;
	arguments->channel_fd = parcel->fds.list[0];
	arguments->tun_fd = parcel->fds.list[1];
	arguments->tun_header = parcel->request.tun_header;
	arguments->tun_usable = parcel->request.tun_usable;
	arguments->udp_count = parcel->request.udp_count;
	for (unsigned i = 0; i < arguments->udp_count; i++) {
		arguments->udp_fds[i] = -1;
		if (!(parcel->request.udp_there & 1u << i))
			continue;
		if (used == parcel->fds.count)
			return false;
		arguments->udp_fds[i] = parcel->fds.list[used++];
	}
	return true;
}

/* Of those that can't be read the tunnel process says why. */
static void hold_files(struct ward *ward)
{
	int which;

	if (!ward->read)
		nursery_files_read(&ward->files, &which);
	ward->read = true;
	ward->arguments.config = ward->files.config;
	memcpy(ward->arguments.pem_fds, ward->files.pems,
	       sizeof(ward->files.pems));
}

static struct answer start_tunnel(struct ward *ward,
				  const struct parcel *parcel)
{
	if (!unpack(&ward->arguments, parcel))
		return (struct answer){.error = -EPROTO};
	end_tunnel(ward);
	hold_files(ward);
	ward->tunnel = fork();
	if (ward->tunnel < 0)
		return (struct answer){.error = -errno};
	if (ward->tunnel == 0) {
		prctl(PR_SET_NAME, "minivpn-tunnel", 0, 0, 0);
		nursery_files_free(&ward->next);
		tunnel_main(&ward->arguments);
	}
	return (struct answer){.value = ward->tunnel};
}

/* The PEM files go to host, which hands them on and does not look inside. */
static struct answer load_files(struct ward *ward, const struct parcel *parcel,
				struct fds *pems)
{
	struct answer answer = {.error = -EPROTO};

	nursery_files_free(&ward->next);
	if (parcel->fds.count != 1)
		return answer;
	answer.error = nursery_files_load(&ward->next, ward->files.config,
					  parcel->fds.list[0], &answer.value);
	for (unsigned i = 0; i < CONFIG_PEMS; i++) {
		if (ward->next.pems[i] < 0)
			continue;
		answer.pems_there |= 1u << i;
		pems->list[pems->count++] = ward->next.pems[i];
	}
	return answer;
}

/* It reads what name servers say, and must not have a key to tell them. */
static void __attribute__((noreturn)) become_lookup(struct ward *ward, int fd)
{
	pid_t parent = ward->arguments.parent;
	struct user user = ward->lookup_user;

	nursery_files_free(&ward->next);
	nursery_files_free(&ward->files);
	resolve_child_main(fd, &user, parent);
}

static struct answer start_lookup(struct ward *ward,
				  const struct parcel *parcel)
{
	if (parcel->fds.count != 1)
		return (struct answer){.error = -EPROTO};
	end_lookup(ward);
	ward->lookup = fork();
	if (ward->lookup == 0)
		become_lookup(ward, parcel->fds.list[0]);
	return (struct answer){.error = ward->lookup < 0 ? -errno : 0};
}

static void serve(struct ward *ward, struct parcel *parcel)
{
	struct answer answer = {0};
	struct fds fds = {.count = 0};

	switch ((enum wish)parcel->request.wish) {
	case WISH_TUNNEL:
		answer = start_tunnel(ward, parcel);
		break;
	case WISH_LOAD:
		answer = load_files(ward, parcel, &fds);
		break;
	case WISH_TAKE:
		answer.error = nursery_files_take(&ward->files, &ward->next);
		break;
	case WISH_END:
		answer.value = end_tunnel(ward);
		break;
	case WISH_LOOKUP:
		answer = start_lookup(ward, parcel);
		break;
	case WISH_END_LOOKUP:
		end_lookup(ward);
		break;
	}
	fds_send(ward->fd, &answer, sizeof(answer), &fds);
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
	struct user user;

	ignore_signals();
	descriptors_close_others(&ward->fd, 1);
	log_set_sink(NULL, NULL);
	prctl(PR_SET_NAME, "minivpn-nursery", 0, 0, 0);
	ward->arguments.parent = getpid();
	/* Looked up while that is still possible. */
	user = user_of_tunnel();
	ward->arguments.uid = user.uid;
	ward->arguments.gid = user.gid;
	ward->lookup_user = user_unused(user.uid);
	tunnel_prepare();
	if (confine_nursery(&ward->arguments, &ward->lookup_user))
		_exit(1);
	while (fds_receive(ward->fd, &parcel.request, sizeof(parcel.request),
			   &parcel.fds)) {
		serve(ward, &parcel);
		fds_close(&parcel.fds);
	}
	end_tunnel(ward);
	end_lookup(ward);
	nursery_files_free(&ward->next);
	nursery_files_free(&ward->files);
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
	};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	nursery_files_init(&ward.files, config);
	nursery_files_init(&ward.next, NULL);
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
static int ask(struct nursery *nursery, const struct parcel *parcel,
	       struct answer *answer, struct fds *fds)
{
	struct pollfd ready = {.fd = nursery->fd, .events = POLLIN};
	int err, count;

	memset(answer, 0, sizeof(*answer));
	fds->count = 0;
	if (nursery->fd < 0)
		return -EPIPE;
	err = fds_send(nursery->fd, &parcel->request, sizeof(parcel->request),
		       &parcel->fds);
	if (err)
		return err;
	/* Signals are the loop's: an answer that came later would be the end.
	 */
	do {
		count = poll(&ready, 1, ANSWER_MS);
	} while (count < 0 && errno == EINTR);
	if (count <= 0)
		return -ETIMEDOUT;
	if (!fds_receive(nursery->fd, answer, sizeof(*answer), fds))
		return -EPIPE;
	return answer->error;
}

/* The same where no descriptors come back. */
static int ask_value(struct nursery *nursery, const struct parcel *parcel,
		     int *value)
{
	struct answer answer;
	struct fds fds;
	int err = ask(nursery, parcel, &answer, &fds);

	fds_close(&fds);
	*value = answer.value;
	return err;
}

int nursery_tunnel(struct nursery *nursery,
		   const struct tunnel_arguments *arguments, pid_t *pid)
{
	struct parcel parcel = {
		.request = {.wish = WISH_TUNNEL,
			    .udp_count = arguments->udp_count,
			    .tun_header = arguments->tun_header,
			    .tun_usable = arguments->tun_usable},
		.fds = {{arguments->channel_fd, arguments->tun_fd}, 2},
	};

	for (unsigned i = 0; i < arguments->udp_count; i++) {
		if (arguments->udp_fds[i] < 0)
			continue;
		parcel.request.udp_there |= 1u << i;
		parcel.fds.list[parcel.fds.count++] = arguments->udp_fds[i];
	}
	return ask_value(nursery, &parcel, pid);
}

int nursery_load(struct nursery *nursery, int fd, int pems[CONFIG_PEMS],
		 int *which)
{
	const struct parcel parcel = {
		.request.wish = WISH_LOAD,
		.fds = {{fd}, 1},
	};
	struct answer answer;
	struct fds fds;
	unsigned used = 0;
	int err = ask(nursery, &parcel, &answer, &fds);

	for (unsigned i = 0; i < CONFIG_PEMS; i++)
		pems[i] = answer.pems_there & 1u << i && used < fds.count
				  ? fds.list[used++]
				  : -1;
	*which = answer.value;
	return err;
}

int nursery_take(struct nursery *nursery)
{
	const struct parcel parcel = {.request.wish = WISH_TAKE};
	int nothing;

	return ask_value(nursery, &parcel, &nothing);
}

int nursery_end_tunnel(struct nursery *nursery, int *status)
{
	const struct parcel parcel = {.request.wish = WISH_END};

	return ask_value(nursery, &parcel, status);
}

int nursery_lookup(struct nursery *nursery, int fd)
{
	const struct parcel parcel = {
		.request.wish = WISH_LOOKUP,
		.fds = {{fd}, 1},
	};
	int nothing;

	return ask_value(nursery, &parcel, &nothing);
}

void nursery_end_lookup(struct nursery *nursery)
{
	const struct parcel parcel = {.request.wish = WISH_END_LOOKUP};
	int nothing;

	ask_value(nursery, &parcel, &nothing);
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
