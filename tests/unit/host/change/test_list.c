/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "host/change/change.h"

#define PAIRS  3000
#define MANY   5000
#define STRUCK 6000
#define STEPS  20000

#define KINDS (CHANGE_LOOPBACK + 1)

static unsigned below(unsigned count)
{
	return (unsigned)rand() % count;
}

#define PICK(array) ((array)[below(sizeof(array) / sizeof((array)[0]))])

static struct inet_address some_address(void)
{
	static const char *const texts[] = {"10.8.0.1", "10.8.0.2", "fd08::1",
					    "fd08::2"};
	struct inet_address address = {0};

	if (below(5))
		assert_int_equal(inet_parse_address(PICK(texts), &address), 0);
	return address;
}

static struct inet_prefix some_prefix(void)
{
	static const char *const texts[] = {"10.8.0.0/24", "10.8.0.0/16",
					    "10.9.0.0/24", "fd08::/64"};
	struct inet_prefix prefix;

	assert_int_equal(inet_parse_prefix(PICK(texts), &prefix), 0);
	return prefix;
}

static const char *some_name(void)
{
	static const char *const names[] = {"tun0", "tun1", "a", ""};

	return PICK(names);
}

static struct netns some_place(void)
{
	static const char *const names[] = {"",	    "",	    "",
					    "work", "home", "/run/netns/work"};
	struct netns place = {.inode = below(2) ? below(3) : 0,
			      .cookie = below(2) ? below(3) : 0};

	strcpy(place.name, PICK(names));
	return place;
}

static void fill_route(struct rtnl_route *route)
{
	static const uint8_t types[] = {RTN_UNICAST, RTN_UNICAST,
					RTN_UNREACHABLE, RTN_BLACKHOLE};

	route->destination = some_prefix();
	if (below(3) == 0)
		route->gateway = some_address();
	if (below(3) == 0)
		route->source = some_address();
	route->type = PICK(types);
	if (route->type == RTN_UNICAST || below(8) == 0)
		strcpy(route->device, some_name());
	route->metric = below(2);
	route->mtu = 1400 * below(2);
	route->table = below(2);
	route->protocol = below(8) ? RTNL_PROTOCOL : 2;
	route->onlink = below(2);
}

static void fill_killswitch(struct nft_killswitch *killswitch)
{
	strcpy(killswitch->table, below(2) ? "minivpn-a" : "minivpn-b");
	strcpy(killswitch->device, some_name());
	killswitch->count = below(3);
	for (unsigned i = 0; i < 2; i++)
		killswitch->servers[i] = (struct inet_endpoint){
			some_address(), (uint16_t)(4433 + below(2))};
}

static void fill_gateway(struct nft_gateway *gateway)
{
	strcpy(gateway->table, below(2) ? "minivpn-a" : "minivpn-b");
	strcpy(gateway->device, some_name());
	gateway->inner = some_prefix();
	gateway->masquerade = below(2);
	if (!gateway->masquerade)
		return;
	strcpy(gateway->uplink, some_name());
	gateway->ports[0] = (uint16_t)(32768 + below(2));
	gateway->ports[1] = 65535;
}

static void fill_filter(struct nft_filter *filter)
{
	strcpy(filter->table,
	       below(2) ? "minivpn.filter-a" : "minivpn.filter-b");
	strcpy(filter->device, some_name());
	filter->inner = some_prefix();
	filter->server = below(2);
	if (!filter->server) {
		filter->inner.length =
			8 * inet_size(filter->inner.address.family);
		return;
	}
	filter->port_count = below(2);
	filter->ports[0] = 4433;
	filter->link_count = below(2);
	strcpy(filter->links[0].name, some_name());
}

static void fill_redirect(struct nft_redirect *redirect)
{
	strcpy(redirect->table,
	       below(2) ? "minivpn.ports-a" : "minivpn.ports-b");
	strcpy(redirect->device, some_name());
	redirect->ipv6 = below(2);
	redirect->count = 1 + below(2);
	for (unsigned i = 0; i < redirect->count; i++) {
		redirect->ports[i].first = (uint16_t)(20000 + below(2));
		redirect->ports[i].last = (uint16_t)(29999 + below(2));
		redirect->to[i].port = 4433;
	}
}

static void fill_resolver(struct resolv_conf *resolv_conf)
{
	strcpy(resolv_conf->name, some_name());
	resolv_conf->dns_count = below(3);
	resolv_conf->search_count = below(2);
	resolv_conf->stub =
		resolv_conf->dns_count + resolv_conf->search_count == 0;
	resolv_conf->dns[0] = some_address();
	resolv_conf->dns[1] = some_address();
	strcpy(resolv_conf->search[0],
	       below(2) ? "example.org" : "example.net");
}

static void fill_resolved(struct systemd_resolved_link *link)
{
	strcpy(link->device, some_name());
	link->dns_count = below(3);
	link->search_count = below(2);
	link->all = below(2);
	link->dns[0] = some_address();
	link->dns[1] = some_address();
	strcpy(link->search[0], below(2) ? "example.org" : "example.net");
}

static void fill_rule(struct rtnl_rule *rule)
{
	*rule = (struct rtnl_rule){
		.family = below(2) ? AF_INET : AF_INET6,
		.priority = 76 + below(2),
		.mark = 1 + below(2),
		.mask = 3,
		.unless = below(2),
		.table = 77 + below(2),
		.protocol = RTNL_PROTOCOL,
	};
}

static void fill(struct change *change)
{
	switch (change->kind) {
	case CHANGE_TUN:
	case CHANGE_LINK:
		strcpy(change->link.device, some_name());
		change->link.mtu = 1400 * below(2);
		change->link.queue = 1000 * below(2);
		return;
	case CHANGE_ADDRESS:
		strcpy(change->address.device, some_name());
		change->address.prefix = some_prefix();
		return;
	case CHANGE_ROUTE:
		fill_route(&change->route);
		return;
	case CHANGE_RULE:
		fill_rule(&change->rule);
		return;
	case CHANGE_SYSCTL:
		strcpy(change->sysctl.key, below(2) ? "net.a" : "net.b");
		strcpy(change->sysctl.value, below(2) ? "0" : "1");
		strcpy(change->sysctl.before, below(2) ? "0" : "1");
		return;
	case CHANGE_GATEWAY:
		fill_gateway(&change->gateway);
		return;
	case CHANGE_KILLSWITCH:
		fill_killswitch(&change->killswitch);
		return;
	case CHANGE_MARKS:
		strcpy(change->marks.table,
		       below(2) ? "minivpn.marks-a" : "minivpn.marks-b");
		change->marks.mark = 1 + below(2);
		return;
	case CHANGE_FILTER:
		fill_filter(&change->filter);
		return;
	case CHANGE_REDIRECT:
		fill_redirect(&change->redirect);
		return;
	case CHANGE_RESOLV_CONF:
		fill_resolver(&change->resolv_conf);
		return;
	case CHANGE_SYSTEMD_RESOLVED:
		fill_resolved(&change->systemd_resolved);
		return;
	case CHANGE_DIRECTORY:
		strcpy(change->directory,
		       below(2) ? "/etc/netns" : "/etc/netns/work");
		return;
	case CHANGE_NETNS_MOUNT:
	case CHANGE_NETNS:
	case CHANGE_LOOPBACK:
		return;
	}
}

/* Few values for each field, so that two of them are often the same. */
static struct change some_change(enum change_kind kind)
{
	struct change change = {.kind = kind, .may_exist = below(2)};

	change.place = some_place();
	fill(&change);
	return change;
}

/* Bytes that are no part of an address are zero: see common/inet.h. */
static void tidy(struct inet_address *address)
{
	size_t size = inet_size(address->family);

	memset(address->bytes + size, 0, sizeof(address->bytes) - size);
}

static void tidy_all(struct change *change)
{
	switch (change->kind) {
	case CHANGE_ADDRESS:
		tidy(&change->address.prefix.address);
		return;
	case CHANGE_ROUTE:
		tidy(&change->route.destination.address);
		tidy(&change->route.gateway);
		tidy(&change->route.source);
		return;
	case CHANGE_GATEWAY:
		tidy(&change->gateway.inner.address);
		return;
	case CHANGE_KILLSWITCH:
		for (unsigned i = 0; i < 2; i++)
			tidy(&change->killswitch.servers[i].address);
		return;
	case CHANGE_FILTER:
		tidy(&change->filter.inner.address);
		return;
	case CHANGE_REDIRECT:
		for (unsigned i = 0; i < 2; i++)
			tidy(&change->redirect.to[i].address);
		return;
	case CHANGE_RESOLV_CONF:
		for (unsigned i = 0; i < 2; i++)
			tidy(&change->resolv_conf.dns[i]);
		return;
	case CHANGE_SYSTEMD_RESOLVED:
		for (unsigned i = 0; i < 2; i++)
			tidy(&change->systemd_resolved.dns[i]);
		return;
	case CHANGE_TUN:
	case CHANGE_LINK:
	case CHANGE_RULE:
	case CHANGE_SYSCTL:
	case CHANGE_MARKS:
	case CHANGE_DIRECTORY:
	case CHANGE_NETNS_MOUNT:
	case CHANGE_NETNS:
	case CHANGE_LOOPBACK:
		return;
	}
}

/* The second is the same, or has a few bytes, most often a field, of another.
 */
static void some_pair(enum change_kind kind, struct change *a, struct change *b)
{
	struct change other = some_change(kind);
	const uint8_t *from = (const uint8_t *)&other;
	unsigned differing = 0;
	size_t at = 0, size;

	*a = *b = some_change(kind);
	for (size_t i = 0; i < sizeof(other); i++) {
		/* Each of them is as likely to be the one. */
		if (((const uint8_t *)a)[i] != from[i] &&
		    below(++differing) == 0)
			at = i;
	}
	if (!differing || below(3) == 0)
		return;
	size = 1 + below(20);
	if (size > sizeof(other) - at)
		size = sizeof(other) - at;
	memcpy((uint8_t *)b + at, from + at, size);
	tidy_all(b);
}

static unsigned printed(const struct change *a, const struct change *b,
			bool *same)
{
	char one[CHANGE_TEXT_SIZE], other[CHANGE_TEXT_SIZE];
	bool first = !change_print(a, one, sizeof(one));
	bool second = !change_print(b, other, sizeof(other));

	*same = first && second && strcmp(one, other) == 0;
	return first + second;
}

static void test_equal_as_text(void **state)
{
	unsigned equal, different;
	struct change a, b;
	bool same;

	(void)state;
	srand(3);
	for (unsigned kind = 0; kind < KINDS; kind++) {
		equal = different = 0;
		for (unsigned i = 0; i < PAIRS; i++) {
			some_pair(kind, &a, &b);
			/* Nothing is promised of two that can't be printed. */
			if (!printed(&a, &b, &same))
				continue;
			if (change_equal(&a, &b) != same)
				fail_msg("kind %u, pair %u: %s", kind, i,
					 same ? "not equal" : "equal");
			if (same)
				assert_int_equal(change_hash(&a),
						 change_hash(&b));
			equal += same;
			different += !same;
		}
		if (equal < 20 ||
		    (different < 20 && kind != CHANGE_NETNS_MOUNT))
			fail_msg("kind %u: %u equal, %u different: not tried",
				 kind, equal, different);
	}
}

/* One field after the other makes another text, and another change. */
static void test_each_field(void **state)
{
	static const char *const texts[] = {
		"ip route add 10.0.0.0/8 via 10.8.0.1 dev tun0 table 7 "
		"proto 77 src 10.8.0.2 metric 4 onlink",
		"ip route add 10.0.0.0/9 via 10.8.0.1 dev tun0 table 7 "
		"proto 77 src 10.8.0.2 metric 4 onlink",
		"ip route add 10.0.0.0/8 via 10.8.0.3 dev tun0 table 7 "
		"proto 77 src 10.8.0.2 metric 4 onlink",
		"ip route add 10.0.0.0/8 via 10.8.0.1 dev tun1 table 7 "
		"proto 77 src 10.8.0.2 metric 4 onlink",
		"ip route add 10.0.0.0/8 via 10.8.0.1 dev tun0 table 8 "
		"proto 77 src 10.8.0.2 metric 4 onlink",
		"ip route add 10.0.0.0/8 via 10.8.0.1 dev tun0 table 7 "
		"proto 77 src 10.8.0.3 metric 4 onlink",
		"ip route add 10.0.0.0/8 via 10.8.0.1 dev tun0 table 7 "
		"proto 77 src 10.8.0.2 metric 5 onlink",
		"ip route add 10.0.0.0/8 via 10.8.0.1 dev tun0 table 7 "
		"proto 77 src 10.8.0.2 metric 4",
		"ip route add unreachable 10.0.0.0/8 proto 77",
		"ip -n work route add unreachable 10.0.0.0/8 proto 77",
		"ip -n home route add unreachable 10.0.0.0/8 proto 77",
		"ip -n home route add unreachable 10.0.0.0/8 proto 77 # "
		"net:[7]",
		"ip -n home route add unreachable 10.0.0.0/8 proto 77 # "
		"net:[7] cookie 8",
		"ip address add 10.8.0.2/24 dev tun0",
		"ip address add 10.8.0.2/25 dev tun0",
		"ip address add 10.8.0.2/24 dev tun1",
		"ip tuntap add dev tun0 mode tun",
		"ip tuntap add dev tun1 mode tun",
		"ip link set dev tun0 addrgenmode none mtu 1435 up",
		"ip link set dev tun0 addrgenmode none mtu 1436 up",
		"ip link set dev tun0 addrgenmode none txqueuelen 1000 up",
		"sysctl -w net.ipv4.ip_forward=1 # was 0",
		"sysctl -w net.ipv4.ip_forward=1 # was 1",
		"sysctl -w net.ipv4.ip_forward=0 # was 0",
		"sysctl -w net.ipv4.ip_forwarding=1 # was 0",
	};
	struct change a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(change_parse(texts[i], &a), 0);
		for (size_t j = 0; j < sizeof(texts) / sizeof(*texts); j++) {
			assert_int_equal(change_parse(texts[j], &b), 0);
			assert_int_equal(change_equal(&a, &b), i == j);
		}
	}
}

static struct change numbered(unsigned number)
{
	struct change change = {
		.kind = CHANGE_ROUTE,
		.route = {.type = RTN_UNICAST,
			  .protocol = RTNL_PROTOCOL,
			  .device = "tun0"},
	};
	struct inet_prefix *destination = &change.route.destination;

	destination->address.family = AF_INET;
	destination->address.bytes[0] = 10;
	destination->address.bytes[1] = (uint8_t)(number >> 8);
	destination->address.bytes[2] = (uint8_t)number;
	destination->length = 24;
	return change;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* Networks one after the other, as they are in files. */
static void test_hash_spreads(void **state)
{
	static uint32_t hashes[MANY];
	unsigned distinct = 1;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		struct change change = numbered(i);

		hashes[i] = change_hash(&change) % (4 * MANY);
	}
	qsort(hashes, MANY, sizeof(*hashes), by_value);
	for (unsigned i = 1; i < MANY; i++)
		distinct += hashes[i] != hashes[i - 1];
	assert_true(distinct > MANY * 3 / 4);
}

struct model {
	unsigned numbers[MANY];
	size_t count;
};

static void assert_as(const struct change_list *list, const struct model *model)
{
	assert_int_equal(list->count, model->count);
	for (size_t i = 0; i < model->count; i++) {
		struct change change = numbered(model->numbers[i]);

		assert_true(change_equal(&list->items[i], &change));
	}
}

static ssize_t model_find(const struct model *model, unsigned number)
{
	for (size_t i = model->count; i-- > 0;) {
		if (model->numbers[i] == number)
			return (ssize_t)i;
	}
	return -ENOENT;
}

static bool is_even(void *data, const struct change *change)
{
	unsigned *last = data,
		 number = change->route.destination.address.bytes[2];

	/* The last one has to come first. */
	*last = number;
	return number % 2 == 0;
}

static void model_filter(struct model *model)
{
	size_t kept = 0;

	for (size_t i = 0; i < model->count; i++) {
		if (model->numbers[i] % 2 == 0)
			model->numbers[kept++] = model->numbers[i];
	}
	model->count = kept;
}

static void step(struct change_list *list, struct model *model)
{
	unsigned number = below(64), what = below(100), first;
	struct change change = numbered(number);
	ssize_t at = model_find(model, number);

	assert_int_equal(change_list_find(list, &change), at);
	assert_int_equal(change_list_routes(list, 0, &change.route.destination),
			 at >= 0);
	if (what == 0) {
		first = list->count ? model->numbers[0] : 0;
		change_list_filter(list, is_even, &number);
		if (model->count)
			assert_int_equal(number, first);
		model_filter(model);
	} else if (what < 55 && model->count < MANY) {
		assert_int_equal(change_list_add(list, &change), 0);
		model->numbers[model->count++] = number;
	} else if (what < 75 && model->count) {
		change_list_remove(list, --model->count);
	} else if (at >= 0) {
		change_list_remove(list, (size_t)at);
		model->count--;
		memmove(&model->numbers[at], &model->numbers[at + 1],
			(model->count - (size_t)at) * sizeof(*model->numbers));
	}
}

/* Changes come and go at any place, some of them more than once. */
static void test_list_as_model(void **state)
{
	static struct model model;
	struct change_list list = {0};

	(void)state;
	srand(2);
	for (unsigned i = 0; i < STEPS; i++) {
		step(&list, &model);
		if (i % 64 == 0)
			assert_as(&list, &model);
	}
	assert_as(&list, &model);
	change_list_free(&list);
}

static bool keep_all(void *data, const struct change *change)
{
	(void)data;
	(void)change;
	return true;
}

/*
 * All but one of very many are struck out, the first ones first, as a journal
 * says it of a tunnel that was going down: seconds, if each moved all others.
 */
static void test_strike(void **state)
{
	struct change_list list = {0};
	struct change change;
	clock_t begun = clock();

	(void)state;
	for (unsigned twice = 0; twice < 2; twice++) {
		for (unsigned i = 0; i < STRUCK; i++) {
			change = numbered(i);
			assert_int_equal(change_list_add(&list, &change), 0);
		}
	}
	/* The newest of two that are equal, then the other one. */
	for (unsigned i = 0; i < 2 * STRUCK - 1; i++) {
		bool newest = i < STRUCK;

		change = numbered(i % STRUCK);
		assert_int_equal(change_list_find(&list, &change),
				 i % STRUCK + (newest ? STRUCK : 0));
		change_list_strike(&list,
				   (size_t)change_list_find(&list, &change));
		assert_int_equal(
			change_list_routes(&list, 0, &change.route.destination),
			newest);
	}
	change_list_filter(&list, keep_all, NULL);
	change = numbered(STRUCK - 1);
	assert_int_equal(list.count, 1);
	assert_int_equal(change_list_find(&list, &change), 0);
	assert_in_range(clock() - begun, 0, CLOCKS_PER_SEC);
	change_list_free(&list);
}

static void test_list_empty(void **state)
{
	struct change change = numbered(1);
	struct change_list list = {0};

	(void)state;
	assert_int_equal(change_list_find(&list, &change), -ENOENT);
	assert_false(change_list_routes(&list, 0, &change.route.destination));
	change_list_filter(&list, is_even, NULL);
	assert_int_equal(list.count, 0);
	change_list_free(&list);
}

/* What a plan alters after it was added: kind, MTU, metric, place. */
static void test_altered_in_place(void **state)
{
	struct change_list list = {0};
	struct change change = {.kind = CHANGE_RESOLV_CONF},
		      route = numbered(7);

	(void)state;
	change.resolv_conf.stub = true;
	strcpy(change.resolv_conf.name, "office");
	assert_int_equal(change_list_add(&list, &change), 0);
	assert_int_equal(change_list_add(&list, &route), 0);
	change =
		(struct change){.kind = CHANGE_LINK, .link = {"tun0", 1400, 0}};
	list.items[0] = change;
	assert_int_equal(change_list_find(&list, &change), 0);
	route.route.metric = 1;
	strcpy(route.place.name, "work");
	assert_int_equal(change_list_find(&list, &route), -ENOENT);
	list.items[1] = route;
	assert_int_equal(change_list_find(&list, &route), 1);
	change_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_as_text),
		cmocka_unit_test(test_each_field),
		cmocka_unit_test(test_hash_spreads),
		cmocka_unit_test(test_list_as_model),
		cmocka_unit_test(test_list_empty),
		cmocka_unit_test(test_strike),
		cmocka_unit_test(test_altered_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
