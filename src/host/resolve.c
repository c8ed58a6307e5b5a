/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <nss.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/descriptors.h"
#include "host/confine.h"
#include "host/resolve_answer.h"

struct resolve {
	struct ev_loop *loop;
	pid_t child;
	int fd;
	ev_io reader;
	ev_timer timer;
	const struct config_host *hosts;
	size_t count;
	resolve_done done;
	void *owner;
};

/* Several addresses of one name are tried in getaddrinfo's order (RFC 6724). */
size_t resolve_now(const struct config_host *host, unsigned index,
		   struct resolve_result *results, size_t size, char *reason,
		   size_t reason_size)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct addrinfo *list = NULL;
	size_t count = 0;
	int code = getaddrinfo(host->host, NULL, &hints, &list);

	if (code) {
		snprintf(reason, reason_size, "can't resolve %s: %s",
			 host->host, gai_strerror(code));
		return 0;
	}
	for (struct addrinfo *i = list; i && count < size; i = i->ai_next) {
		struct resolve_result *result = &results[count];

		memset(result, 0, sizeof(*result));
		if (inet_endpoint_from_sockaddr(i->ai_addr, &result->endpoint))
			continue;
		result->endpoint.port = host->port;
		result->host = index;
		count++;
	}
	freeaddrinfo(list);
	return count;
}

/* getaddrinfo() would ask the name servers of resolv.conf. */
static size_t resolve_outside(const struct config_host *host, unsigned index,
			      const struct resolve_server *servers,
			      size_t server_count,
			      struct resolve_result *results, size_t size,
			      char *reason, size_t reason_size)
{
	struct inet_address addresses[RESOLVE_RESULTS];
	char unused[256];
	size_t count;

	__nss_configure_lookup("hosts", "files");
	count = resolve_now(host, index, results, size, unused, sizeof(unused));
	if (count)
		return count;
	count = resolve_query(host->host, servers, server_count, addresses,
			      size, reason, reason_size);
	for (size_t i = 0; i < count; i++) {
		memset(&results[i], 0, sizeof(results[i]));
		results[i].host = index;
		results[i].endpoint.address = addresses[i];
		results[i].endpoint.port = host->port;
	}
	return count;
}

static bool all_numeric(const struct config_host *hosts, size_t count,
			struct resolve_answer *answer)
{
	answer->count = 0;
	answer->reason[0] = '\0';
	for (size_t i = 0; i < count && i < RESOLVE_RESULTS; i++) {
		struct resolve_result *result = &answer->results[i];

		memset(result, 0, sizeof(*result));
		if (inet_parse_address(hosts[i].host,
				       &result->endpoint.address))
			return false;
		result->endpoint.port = hosts[i].port;
		result->host = (unsigned)i;
		answer->count++;
	}
	return true;
}

static void __attribute__((noreturn))
child_main(int fd, const struct config_host *hosts, size_t count,
	   const struct resolve_server *outside, size_t outside_count)
{
	struct resolve_answer answer = {0};

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	/* Nothing of the host process may live on in here, nor its lock. */
	descriptors_close_others(&fd, 1);
	close_range(STDIN_FILENO, STDERR_FILENO, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (confine_resolver())
		_exit(1);
	for (unsigned i = 0; i < count && answer.count < RESOLVE_RESULTS; i++) {
		struct resolve_result *results = answer.results + answer.count;
		size_t room = RESOLVE_RESULTS - answer.count;

		answer.count +=
			outside_count ? resolve_outside(&hosts[i], i, outside,
							outside_count, results,
							room, answer.reason,
							sizeof(answer.reason))
				      : resolve_now(&hosts[i], i, results, room,
						    answer.reason,
						    sizeof(answer.reason));
	}
	_exit(write(fd, &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
}

void resolve_cancel(struct resolve *resolve)
{
	if (!resolve)
		return;
	ev_io_stop(resolve->loop, &resolve->reader);
	ev_timer_stop(resolve->loop, &resolve->timer);
	close(resolve->fd);
	kill(resolve->child, SIGKILL);
	while (waitpid(resolve->child, NULL, 0) < 0 && errno == EINTR)
		;
	free(resolve);
}

static void finish(struct resolve *resolve, const struct resolve_answer *answer)
{
	resolve_done done = resolve->done;
	void *owner = resolve->owner;

	resolve_cancel(resolve);
	done(owner, answer->results, answer->count, answer->reason);
}

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct resolve *resolve = watcher->data;
	struct resolve_answer answer;
	ssize_t got = read(resolve->fd, &answer, sizeof(answer));

	(void)loop;
	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	resolve_answer_check(&answer, got < 0 ? 0 : (size_t)got, resolve->hosts,
			     resolve->count);
	finish(resolve, &answer);
}

static void expired(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct resolve *resolve = watcher->data;
	struct resolve_answer answer = {0};

	(void)loop;
	(void)events;
	snprintf(answer.reason, sizeof(answer.reason),
		 "can't resolve %.150s: no name server answers",
		 resolve->hosts[0].host);
	finish(resolve, &answer);
}

int resolve_start(struct resolve **result, struct ev_loop *loop,
		  const struct config_host *hosts, size_t count,
		  const struct resolve_server *outside, size_t outside_count,
		  double timeout_s, resolve_done done, void *owner)
{
	struct resolve_answer answer;
	struct resolve *resolve;
	int ends[2];

	*result = NULL;
	if (all_numeric(hosts, count, &answer)) {
		done(owner, answer.results, answer.count, answer.reason);
		return 0;
	}
	resolve = calloc(1, sizeof(*resolve));
	if (!resolve)
		return -ENOMEM;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(resolve);
		return -errno;
	}
	resolve->child = fork();
	if (resolve->child == 0)
		child_main(ends[1], hosts, count, outside, outside_count);
	close(ends[1]);
	if (resolve->child < 0) {
		int err = -errno;

		close(ends[0]);
		free(resolve);
		return err;
	}
	resolve->loop = loop;
	resolve->fd = ends[0];
	resolve->hosts = hosts;
	resolve->count = count;
	resolve->done = done;
	resolve->owner = owner;
	ev_io_init(&resolve->reader, readable, ends[0], EV_READ);
	ev_timer_init(&resolve->timer, expired, timeout_s, 0.);
	resolve->reader.data = resolve;
	resolve->timer.data = resolve;
	ev_io_start(loop, &resolve->reader);
	ev_timer_start(loop, &resolve->timer);
	*result = resolve;
	return 0;
}
