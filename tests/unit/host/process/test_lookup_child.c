/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names as the process finds them that looks them up: what is in the file of
 * hosts, what is asked of name servers, in which order, and what of it comes
 * back. This process is the name server.
 */
#include <arpa/nameser.h>
#include <poll.h>
#include <resolv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/process.h"
#include "host/dns/lookup.h"
#include "host/process/lookup_child.h"

#define ASKED_SIZE 1024

static const char hosts_file[] = "# 192.0.2.9 commented\n"
				 "\n"
				 "192.0.2.1\tone one.alias # other\n"
				 "2001:db8::1 one\n"
				 "nonsense two\n"
				 "192.0.2.3 Three.Test.\n"
				 "192.0.2.4 last";

struct lab {
	struct lookup_request request;
	struct lookup_answer answer;
	const char *known;	/* the one name that has addresses */
	bool silent;		/* the server */
	char asked[ASKED_SIZE]; /* names, each once, between blanks */
};

/* An A record for the one name, and none for the others. */
static void answer(struct lab *lab, int fd)
{
	static const unsigned char record[] = {0xc0, 12, 0, 1, 0,   1, 0,   0,
					       0,    9,	 0, 4, 203, 0, 113, 5};
	unsigned char query[512];
	char name[256], word[300];
	ssize_t length = read(fd, query, sizeof(query) - sizeof(record));
	bool found;
	int end;

	assert_true(length > NS_HFIXEDSZ);
	end = dn_expand(query, query + length, query + NS_HFIXEDSZ, name,
			sizeof(name)) +
	      NS_HFIXEDSZ + NS_QFIXEDSZ;
	snprintf(word, sizeof(word), " %s ", name);
	if (!strstr(lab->asked, word))
		strcat(lab->asked, word + (lab->asked[0] != '\0'));
	if (lab->silent)
		return;
	found = lab->known && !strcmp(name, lab->known) &&
		query[end - 3] == ns_t_a;
	query[2] |= 0x80;
	query[3] = lab->known && !strcmp(name, lab->known) ? 0 : ns_r_nxdomain;
	query[7] = found;
	query[11] = 0;
	if (found)
		memcpy(query + end, record, sizeof(record));
	assert_true(write(fd, query,
			  (size_t)end + (found ? sizeof(record) : 0)) > 0);
}

static int file_of_hosts(void)
{
	int fd = memfd_create("hosts", MFD_CLOEXEC);

	assert_int_equal(write(fd, hosts_file, sizeof(hosts_file) - 1),
			 sizeof(hosts_file) - 1);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void serve(struct lab *lab, int host, int server)
{
	struct pollfd both[] = {{.fd = host, .events = POLLIN},
				{.fd = server, .events = POLLIN}};

	for (;;) {
		assert_true(poll(both, 2, 20000) > 0);
		if (both[1].revents & POLLIN)
			answer(lab, server);
		if (both[0].revents & POLLIN)
			break;
		assert_false(both[0].revents & POLLHUP);
	}
	assert_int_equal(read(host, &lab->answer, sizeof(lab->answer)),
			 sizeof(lab->answer));
}

static void look_up(struct lab *lab, const char *name)
{
	const struct user user = {4321, 4321};
	int host[2], server[2], status;
	pid_t parent = getpid(), child;
	struct process_fds fds = {.count = 0};

	memset(lab->asked, 0, sizeof(lab->asked));
	lab->request.count = 1;
	lab->request.names[0].port = 4433;
	snprintf(lab->request.names[0].name, LOOKUP_NAME_SIZE, "%s", name);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, host), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, server), 0);
	fds.list[fds.count++] = file_of_hosts();
	fds.list[fds.count++] = server[1];
	lab->request.has_hosts_file = true;
	assert_int_equal(process_send(host[0], &lab->request,
				      sizeof(lab->request), &fds),
			 0);
	process_close_fds(&fds);
	child = fork();
	if (child == 0)
		lookup_child_main(host[1], &user, parent);
	close(host[1]);
	serve(lab, host[0], server[0]);
	close(host[0]);
	close(server[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void expect(struct lab *lab, const char *name, const char *first,
		   unsigned count, const char *asked)
{
	char text[INET_ADDRESS_TEXT];

	look_up(lab, name);
	assert_int_equal(lab->answer.count, count);
	if (count)
		assert_string_equal(
			inet_format_address(
				&lab->answer.results[0].endpoint.address, text,
				sizeof(text)),
			first);
	else
		assert_non_null(strstr(lab->answer.reason, first));
	assert_string_equal(lab->asked, asked);
}

static void test_file_of_hosts(void **state)
{
	struct lab lab = {.request.search.ndots = 1};

	(void)state;
	expect(&lab, "one", "192.0.2.1", 2, "");
	expect(&lab, "ONE.alias.", "192.0.2.1", 1, "");
	expect(&lab, "three.test", "192.0.2.3", 1, "");
	expect(&lab, "last", "192.0.2.4", 1, "");
	expect(&lab, "commented", "there is no such name", 0, " commented ");
	expect(&lab, "other", "there is no such name", 0, " other ");
	expect(&lab, "two", "there is no such name", 0, " two ");
	expect(&lab, "192.0.2.77", "192.0.2.77", 1, "");
}

/* The search is as resolv.conf(5) has it. */
static void test_search(void **state)
{
	struct lab lab = {
		.request.search = {2, 1, {"corp.test", "lab.test"}},
		.known = "vpn.lab.test",
	};

	(void)state;
	expect(&lab, "vpn", "203.0.113.5", 1, " vpn.corp.test vpn.lab.test ");
	expect(&lab, "vpn.lab.test", "203.0.113.5", 1, " vpn.lab.test ");
	expect(&lab, "vpn.", "there is no such name", 0, " vpn ");
	lab.known = "a.b";
	expect(&lab, "a.b", "203.0.113.5", 1, " a.b ");
	lab.request.search.ndots = 2;
	expect(&lab, "a.b", "203.0.113.5", 1,
	       " a.b.corp.test a.b.lab.test a.b ");
	expect(&lab, "a.c", "can't resolve a.c: there is no such name", 0,
	       " a.c.corp.test a.c.lab.test a.c ");
}

static void test_silent_server(void **state)
{
	struct lab lab = {
		.request.search = {1, 1, {"corp.test"}},
		.silent = true,
	};

	(void)state;
	/* It is not asked for more than the first name. */
	expect(&lab, "vpn.test", "no name server answers", 0, " vpn.test ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_of_hosts),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_silent_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
