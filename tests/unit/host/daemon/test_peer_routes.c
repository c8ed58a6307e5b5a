/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes of a server's clients, in a namespace's real tables. */
#include "unit/rtnl_fixture.h"

#include <time.h>

#include "common/clock.h"
#include "common/config/load.h"
#include "common/log.h"
#include "host/daemon/leases.h"
#include "host/daemon/peer_routes.h"
#include "host/daemon/tunnel.h"

#define PEERS 10000
/* Of the host process and the kernel, for all to come and to go. */
#define SECONDS_MOST 3.

struct lab {
	struct host host;
	struct host_peer_routes routes;
	struct host_leases leases;
	struct host_tunnel tunnel;
};

static char *server_text(unsigned peers)
{
	char *text = NULL;
	size_t length;
	FILE *stream = open_memstream(&text, &length);

	fprintf(stream,
		"[Server]\nAddress = 10.8.0.1/16, fd08::1/64\nDevice = eth0\n"
		"PeerRoutes = yes\nMaxClients = %u\n"
		"Certificate = c\nKey = k\nCA = a\n",
		peers);
	for (unsigned i = 0; i < peers; i++)
		fprintf(stream,
			"[Peer p%u]\nAddress = 10.8.%u.%u\n"
			"Address = fd08::%x:%x\n",
			i, 1 + i / 250, 1 + i % 250, 1 + i / 250, i % 250);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void lab_begin(struct lab *lab, struct rtnl *rtnl, unsigned peers)
{
	char *text = server_text(peers);

	memset(lab, 0, sizeof(*lab));
	lab->host.loop = ev_loop_new(EVFLAG_AUTO);
	lab->host.state = HOST_UP;
	lab->host.context.rtnl = rtnl;
	lab->host.peer_routes = &lab->routes;
	lab->host.leases = &lab->leases;
	lab->host.tunnel = &lab->tunnel;
	assert_int_equal(config_parse("s.conf", text, strlen(text), NULL, NULL,
				      &lab->host.config),
			 0);
	free(text);
	assert_int_equal(lease_store_open(&lab->leases.store, "none"), 0);
	tunnel_policy_begin(&lab->tunnel.policy, lab->host.config);
	host_peer_routes_init(&lab->host);
}

static void lab_end(struct lab *lab)
{
	host_peer_routes_free(&lab->host);
	lease_store_close(lab->leases.store);
	config_free(lab->host.config);
	ev_loop_destroy(lab->host.loop);
}

/* Until there is nothing more to do. */
static void settle(struct lab *lab)
{
	ev_run(lab->host.loop, 0);
}

static void tell(struct lab *lab, const char *name, bool connected)
{
	struct channel_message message = {.type = CHANNEL_PEERS};

	message.peers.count = 1;
	snprintf(message.peers.list[0].name, SETTINGS_NAME_SIZE, "%s", name);
	message.peers.list[0].connected = connected;
	host_peer_routes_take(&lab->host, &message);
}

static int count_visit(void *data, const struct rtnl_route *route)
{
	unsigned *count = data;

	*count += route->protocol == RTNL_PROTOCOL &&
		  route->metric >= RTNL_PEER_METRIC;
	return 0;
}

static unsigned count_routes(struct lab *lab)
{
	struct rtnl *rtnl = lab->host.context.rtnl;
	unsigned count = 0;

	assert_int_equal(rtnl_table_each(rtnl, AF_INET, RT_TABLE_MAIN,
					 count_visit, &count),
			 0);
	assert_int_equal(rtnl_table_each(rtnl, AF_INET6, RT_TABLE_MAIN,
					 count_visit, &count),
			 0);
	return count;
}

static void test_come_and_go(void **state)
{
	struct lab lab;
	char *text;

	lab_begin(&lab, *state, 2);
	tell(&lab, "p0", true);
	tell(&lab, "p1", true);
	tell(&lab, "p1", false);
	settle(&lab);
	text = say("ip route show proto 77");
	assert_non_null(strstr(text, "10.8.1.1 dev eth0 scope link metric "));
	assert_null(strstr(text, "10.8.1.2"));
	free(text);
	text = say("ip -6 route show proto 77");
	assert_non_null(strstr(text, "fd08::1:0 dev eth0 metric "));
	free(text);
	/* Another tells of the same: nothing comes of it. */
	tell(&lab, "p0", true);
	settle(&lab);
	assert_int_equal(count_routes(&lab), 2);
	host_peer_routes_end(&lab.host);
	settle(&lab);
	assert_int_equal(count_routes(&lab), 0);
	lab_end(&lab);
}

/* Somebody has removed one, and made another that we had to make. */
static void test_renewed(void **state)
{
	struct lab lab;

	lab_begin(&lab, *state, 2);
	tell(&lab, "p0", true);
	settle(&lab);
	assert_int_equal(netns_run("ip route flush proto 77"), 0);
	assert_int_equal(count_routes(&lab), 1);
	host_peer_routes_renew(&lab.host);
	settle(&lab);
	assert_int_equal(count_routes(&lab), 2);
	tell(&lab, "p0", false);
	settle(&lab);
	assert_int_equal(count_routes(&lab), 0);
	lab_end(&lab);
}

/* Not the server's own address, nor one outside the pool. */
static void test_leases_are_bounded(void **state)
{
	struct lease_entry lease = {.peer = "mallory"};
	struct lab lab;

	lab_begin(&lab, *state, 2);
	assert_int_equal(inet_parse_address("10.8.0.1", &lease.address4), 0);
	assert_int_equal(inet_parse_address("fd09::2", &lease.address6), 0);
	lease_store_put(lab.leases.store, &lease);
	tell(&lab, "mallory", true);
	tell(&lab, "nobody", true);
	settle(&lab);
	assert_int_equal(count_routes(&lab), 0);
	tell(&lab, "p0", true); /* the third of two */
	settle(&lab);
	assert_int_equal(count_routes(&lab), 0);
	tell(&lab, "nobody", false);
	tell(&lab, "p0", true);
	settle(&lab);
	assert_int_equal(count_routes(&lab), 2);
	lab_end(&lab);
}

/* The address of one becomes another's while both are there. */
static void test_address_changes_hands(void **state)
{
	struct lease_entry lease = {.peer = "alice"};
	struct lab lab;

	lab_begin(&lab, *state, 2);
	assert_int_equal(inet_parse_address("10.8.9.9", &lease.address4), 0);
	lease_store_put(lab.leases.store, &lease);
	tell(&lab, "alice", true);
	strcpy(lease.peer, "bob");
	lease_store_put(lab.leases.store, &lease);
	tell(&lab, "bob", true);
	settle(&lab);
	assert_int_equal(count_routes(&lab), 1);
	tell(&lab, "alice", false);
	settle(&lab);
	assert_int_equal(count_routes(&lab), 1);
	tell(&lab, "bob", false);
	settle(&lab);
	assert_int_equal(count_routes(&lab), 0);
	lab_end(&lab);
}

static double cpu(void)
{
	return clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

static void test_ten_thousand(void **state)
{
	double begun, came, gone;
	struct lab lab;
	char name[32];

	lab_begin(&lab, *state, PEERS);
	begun = cpu();
	for (unsigned i = 0; i < PEERS; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		tell(&lab, name, true);
	}
	settle(&lab);
	came = cpu();
	assert_int_equal(count_routes(&lab), 2 * PEERS);
	gone = cpu();
	host_peer_routes_end(&lab.host);
	settle(&lab);
	gone = cpu() - gone;
	assert_int_equal(count_routes(&lab), 0);
	print_message("%u peers, two routes each: come in %.0f ms, go in "
		      "%.0f ms of processor\n",
		      PEERS, 1e3 * (came - begun), 1e3 * gone);
	assert_true(came - begun < SECONDS_MOST);
	assert_true(gone < SECONDS_MOST);
	lab_end(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RTNL_TEST(test_come_and_go),
		RTNL_TEST(test_renewed),
		RTNL_TEST(test_leases_are_bounded),
		RTNL_TEST(test_address_changes_hands),
		RTNL_TEST(test_ten_thousand),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
