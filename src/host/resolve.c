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
#include "host/nat64.h"
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

/* Those of one host, from the first of them on. */
static void alternate(struct resolve_result *results, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint16_t before = results[i - 1].endpoint.address.family;
		struct resolve_result next;
		size_t j = i;

		while (j < count &&
		       results[j].endpoint.address.family == before)
			j++;
		if (j == count)
			return;
		next = results[j];
		memmove(&results[i + 1], &results[i],
			(j - i) * sizeof(results[0]));
		results[i] = next;
	}
}

void resolve_alternate(struct resolve_result *results, size_t count)
{
	for (size_t i = 0, next; i < count; i = next) {
		next = i;
		while (next < count && results[next].host == results[i].host)
			next++;
		alternate(&results[i], next - i);
	}
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

static void resolve_all(const struct resolve_question *question,
			struct resolve_answer *answer)
{
	for (unsigned i = 0;
	     i < question->count && answer->count < RESOLVE_RESULTS; i++) {
		const struct config_host *host = &question->hosts[i];
		struct resolve_result *results =
			answer->results + answer->count;
		size_t room = RESOLVE_RESULTS - answer->count;

		answer->count +=
			question->outside_count
				? resolve_outside(host, i, question->outside,
						  question->outside_count,
						  results, room, answer->reason,
						  sizeof(answer->reason))
				: resolve_now(host, i, results, room,
					      answer->reason,
					      sizeof(answer->reason));
	}
}

static bool find_nat64(const struct resolve_question *question,
		       struct inet_prefix *prefix, char *reason, size_t size)
{
	const struct config_host name = {.host = NAT64_NAME};
	struct resolve_result results[RESOLVE_RESULTS];
	size_t count =
		question->outside_count
			? resolve_outside(&name, 0, question->outside,
					  question->outside_count, results,
					  RESOLVE_RESULTS, reason, size)
			: resolve_now(&name, 0, results, RESOLVE_RESULTS,
				      reason, size);

	for (size_t i = 0; i < count; i++) {
		if (nat64_prefix(&results[i].endpoint.address, prefix))
			return true;
	}
	return false;
}

static void resolve_behind(const struct resolve_question *question,
			   struct resolve_answer *answer)
{
	struct inet_prefix prefix;

	if (!find_nat64(question, &prefix, answer->reason,
			sizeof(answer->reason)))
		return;
	for (size_t i = 0; i < question->behind_count; i++) {
		struct resolve_result *result =
			&answer->results[answer->count++];

		*result = question->behind[i];
		result->endpoint.address =
			nat64_address(&prefix, &result->endpoint.address);
	}
}

static void __attribute__((noreturn))
child_main(int fd, const struct resolve_question *question)
{
	struct resolve_server servers[RESOLVE_SERVERS];
	struct resolve_question marked = *question;
	struct resolve_answer answer = {0};

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	/* Nothing of the host process may live on in here, nor its lock. */
	descriptors_close_others(&fd, 1);
	close_range(STDIN_FILENO, STDERR_FILENO, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (size_t i = 0; i < marked.outside_count; i++)
		servers[i] = marked.outside[i];
	marked.outside = servers;
	resolve_query_open(servers, marked.outside_count);
	if (confine_resolver())
		_exit(1);
	if (marked.behind)
		resolve_behind(&marked, &answer);
	else
		resolve_all(&marked, &answer);
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
		  const struct resolve_question *question, resolve_done done,
		  void *owner)
{
	struct resolve_answer answer;
	struct resolve *resolve;
	int ends[2];

	*result = NULL;
	if (!question->behind &&
	    all_numeric(question->hosts, question->count, &answer)) {
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
		child_main(ends[1], question);
	close(ends[1]);
	if (resolve->child < 0) {
		int err = -errno;

		close(ends[0]);
		free(resolve);
		return err;
	}
	resolve->loop = loop;
	resolve->fd = ends[0];
	resolve->hosts = question->hosts;
	resolve->count = question->count;
	resolve->done = done;
	resolve->owner = owner;
	ev_io_init(&resolve->reader, readable, ends[0], EV_READ);
	ev_timer_init(&resolve->timer, expired, question->timeout, 0.);
	resolve->reader.data = resolve;
	resolve->timer.data = resolve;
	ev_io_start(loop, &resolve->reader);
	ev_timer_start(loop, &resolve->timer);
	*result = resolve;
	return 0;
}
