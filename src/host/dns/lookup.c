/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/dns/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/process.h"
#include "common/reason.h"
#include "host/dns/lookup_config.h"
#include "host/dns/resolv_conf.h"

_Static_assert(sizeof(struct lookup_answer) < PIPE_BUF, "one write");

struct lookup {
	struct ev_loop *loop;
	struct lookup_process process;
	int fd;
	ev_io reader;
	ev_timer timer;
	const struct config_host *hosts;
	size_t count;
	uint32_t mark; /* of the tunnel's packets, where that matters */
	lookup_done done;
	void *owner;
};

/* Several addresses of one name are tried in getaddrinfo's order (RFC 6724). */
size_t lookup_now(const struct config_host *host, unsigned index,
		  struct lookup_result *results, size_t size,
		  struct reason *reason)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct addrinfo *list = NULL;
	size_t count = 0;
	int code = getaddrinfo(host->host, NULL, &hints, &list);

	if (code) {
		reason_set(reason, "can't resolve %s: %s", host->host,
			   gai_strerror(code));
		return 0;
	}
	for (struct addrinfo *i = list; i && count < size; i = i->ai_next) {
		struct lookup_result *result = &results[count];

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

/* results are those of one host, from the first of them on. */
static void alternate(struct lookup_result *results, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint16_t before = results[i - 1].endpoint.address.family;
		struct lookup_result next;
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

void lookup_alternate(struct lookup_result *results, size_t count)
{
	for (size_t i = 0, next; i < count; i = next) {
		next = i;
		while (next < count && results[next].host == results[i].host)
			next++;
		alternate(&results[i], next - i);
	}
}

static bool all_numeric(const struct config_host *hosts, size_t count,
			struct lookup_answer *answer)
{
	answer->count = 0;
	answer->reason[0] = '\0';
	for (size_t i = 0; i < count && i < LOOKUP_RESULTS; i++) {
		struct lookup_result *result = &answer->results[i];

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

static bool is_private(const struct inet_address *address)
{
	struct inet_prefix prefix = {*address,
				     8 * (unsigned)inet_size(address->family)};

	return inet_prefix_is_private(&prefix);
}

/*
 * Returns how good the route to an address is, the lower the better, as
 * getaddrinfo(3) sorts them (RFC 6724, rules 1, 5 and 6), seen from the
 * tunnel's socket.
 */
static unsigned rank(const struct inet_address *address, uint32_t mark)
{
	struct lookup_server to = {.address = *address, .mark = mark};
	int fd = lookup_query_open(&to);
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);
	struct inet_endpoint from;
	int err;

	if (fd < 0)
		return 3;
	err = getsockname(fd, (struct sockaddr *)&storage, &length);
	close(fd);
	if (err ||
	    inet_endpoint_from_sockaddr((struct sockaddr *)&storage, &from))
		return 3;
	if (address->family == AF_INET)
		return 1;
	/* A unique local source (RFC 4193) gets no answer from the world. */
	return is_private(&from.address) == is_private(address) ? 0 : 2;
}

/* Those of one rank stay as the name server has them. */
static void sort(struct lookup_answer *answer, uint32_t mark)
{
	unsigned ranks[LOOKUP_RESULTS];

	for (size_t i = 0; i < answer->count; i++) {
		struct lookup_result result = answer->results[i];
		unsigned own = rank(&result.endpoint.address, mark);
		size_t j = i;

		for (; j > 0 && answer->results[j - 1].host == result.host &&
		       ranks[j - 1] > own;
		     j--) {
			answer->results[j] = answer->results[j - 1];
			ranks[j] = ranks[j - 1];
		}
		answer->results[j] = result;
		ranks[j] = own;
	}
}

static bool check_result(struct lookup_result *result,
			 const struct config_host *hosts, size_t count)
{
	struct inet_endpoint *endpoint = &result->endpoint;
	uint16_t family = endpoint->address.family;

	if (result->host >= count || !inet_size(family))
		return false;
	/* In the one form that an address has. */
	endpoint->address =
		inet_address_from_bytes(family, endpoint->address.bytes);
	endpoint->port = hosts[result->host].port;
	return true;
}

static bool check_answer(struct lookup_answer *answer, size_t got,
			 const struct config_host *hosts, size_t count)
{
	if (got != sizeof(*answer) || answer->count > LOOKUP_RESULTS ||
	    !memchr(answer->reason, '\0', sizeof(answer->reason)))
		return false;
	for (size_t i = 0; i < answer->count; i++)
		if (!check_result(&answer->results[i], hosts, count))
			return false;
	/* It becomes a line of the log. */
	for (char *c = answer->reason; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return true;
}

void lookup_answer_check(struct lookup_answer *answer, size_t got,
			 const struct config_host *hosts, size_t count)
{
	if (check_answer(answer, got, hosts, count))
		return;
	memset(answer, 0, sizeof(*answer));
	snprintf(answer->reason, sizeof(answer->reason),
		 "name resolution ended without an answer");
}

void lookup_cancel(struct lookup *lookup)
{
	if (!lookup)
		return;
	ev_io_stop(lookup->loop, &lookup->reader);
	ev_timer_stop(lookup->loop, &lookup->timer);
	close(lookup->fd);
	lookup->process.end(lookup->process.owner);
	free(lookup);
}

static void finish(struct lookup *lookup, const struct lookup_answer *answer)
{
	lookup_done done = lookup->done;
	void *owner = lookup->owner;

	lookup_cancel(lookup);
	done(owner, answer->results, answer->count, answer->reason);
}

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct lookup *lookup = watcher->data;
	struct lookup_answer answer;
	ssize_t got = read(lookup->fd, &answer, sizeof(answer));

	(void)loop;
	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	lookup_answer_check(&answer, got < 0 ? 0 : (size_t)got, lookup->hosts,
			    lookup->count);
	sort(&answer, lookup->mark);
	finish(lookup, &answer);
}

static void expired(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct lookup *lookup = watcher->data;
	struct lookup_answer answer = {0};

	(void)loop;
	(void)events;
	snprintf(answer.reason, sizeof(answer.reason),
		 "can't resolve %.150s: no name server answers",
		 lookup->hosts[0].host);
	finish(lookup, &answer);
}

static void write_names(const struct lookup_question *question,
			struct lookup_request *request)
{
	for (size_t i = 0; i < question->count && i < LOOKUP_HOSTS; i++) {
		struct lookup_name *name = &request->names[i];

		snprintf(name->name, sizeof(name->name), "%s",
			 question->hosts[i].host);
		name->port = question->hosts[i].port;
		request->count++;
	}
	for (size_t i = 0; i < question->behind_count; i++)
		request->behind[request->behind_count++] = question->behind[i];
}

static void open_servers(const struct lookup_server *servers, size_t count,
			 struct lookup_request *request,
			 struct process_fds *fds)
{
	for (size_t i = 0; i < count; i++) {
		int fd = lookup_query_open(&servers[i]);

		if (fd < 0)
			request->error = fd;
		else
			fds->list[fds->count++] = fd;
	}
}

/* Its name servers are those that this host has. */
static void open_usual_servers(struct lookup_request *request,
			       struct process_fds *fds)
{
	FILE *file = fopen(RESOLV_CONF_PATH, "re");
	struct lookup_config config;

	lookup_config_read(file, &config);
	if (file)
		fclose(file);
	request->search = config.search;
	open_servers(config.servers, config.server_count, request, fds);
}

/* All that the process needs is opened here, so that it can open nothing. */
static int send_request(int fd, const struct lookup_question *question)
{
	struct lookup_request *request = calloc(1, sizeof(*request));
	int hosts = open(_PATH_HOSTS, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct process_fds fds = {.count = 0};
	int err;

	if (hosts >= 0)
		fds.list[fds.count++] = hosts;
	if (!request) {
		process_close_fds(&fds);
		return -ENOMEM;
	}
	request->has_hosts_file = hosts >= 0;
	write_names(question, request);
	if (question->outside_count)
		open_servers(question->outside, question->outside_count,
			     request, &fds);
	else
		open_usual_servers(request, &fds);
	err = process_send(fd, request, sizeof(*request), &fds);
	process_close_fds(&fds);
	free(request);
	return err;
}

/* The descriptor by which it will answer, or -errno. */
static int start_process(const struct lookup_question *question)
{
	int ends[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, ends) < 0)
		return -errno;
	err = send_request(ends[0], question);
	if (!err)
		err = question->process.start(question->process.owner, ends[1]);
	close(ends[1]);
	if (!err)
		return ends[0];
	close(ends[0]);
	return err;
}

int lookup_start(struct lookup **result, struct ev_loop *loop,
		 const struct lookup_question *question, lookup_done done,
		 void *owner)
{
	struct lookup_answer answer;
	struct lookup *lookup;
	int fd;

	*result = NULL;
	if (!question->behind &&
	    all_numeric(question->hosts, question->count, &answer)) {
		done(owner, answer.results, answer.count, answer.reason);
		return 0;
	}
	lookup = calloc(1, sizeof(*lookup));
	if (!lookup)
		return -ENOMEM;
	fd = start_process(question);
	if (fd < 0) {
		free(lookup);
		return fd;
	}
	lookup->loop = loop;
	lookup->fd = fd;
	lookup->process = question->process;
	lookup->hosts = question->hosts;
	lookup->count = question->count;
	lookup->mark = question->outside_count ? question->outside[0].mark : 0;
	lookup->done = done;
	lookup->owner = owner;
	ev_io_init(&lookup->reader, readable, fd, EV_READ);
	ev_timer_init(&lookup->timer, expired, question->timeout, 0.);
	lookup->reader.data = lookup;
	lookup->timer.data = lookup;
	ev_io_start(loop, &lookup->reader);
	ev_timer_start(loop, &lookup->timer);
	*result = lookup;
	return 0;
}
