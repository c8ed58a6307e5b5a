/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes: RTM_NEWROUTE and its kin (linux/rtnetlink.h). */
#include <errno.h>
#include <linux/ipv6_route.h>
#include <stdlib.h>
#include <string.h>

#include "host/kernel/rtnl_internal.h"

/* How often a dump is begun anew when changes come in between. */
#define DUMP_ATTEMPTS 16

/* Exactly as long as the family has it. An IPv4-mapped one stays IPv6 here. */
static int read_address(uint16_t family, const void *bytes, size_t size,
			struct inet_address *address)
{
	if (size == 0 || size != inet_size(family))
		return -EPROTO;
	*address = (struct inet_address){.family = family};
	memcpy(address->bytes, bytes, size);
	return 0;
}

/* attribute may be NULL: address stays as it is. */
static int read_attribute(uint16_t family, const struct nlattr *attribute,
			  struct inet_address *address)
{
	if (!attribute)
		return 0;
	return read_address(family, mnl_attr_get_payload(attribute),
			    mnl_attr_get_payload_len(attribute), address);
}

/* A gateway of the other family is in RTA_VIA, not in RTA_GATEWAY. */
static int read_gateway(uint16_t family, const struct nlattr *gateway,
			const struct nlattr *via, struct inet_address *address)
{
	const struct rtvia *value;
	size_t size;

	if (!via)
		return read_attribute(family, gateway, address);
	value = mnl_attr_get_payload(via);
	size = mnl_attr_get_payload_len(via);
	if (size < sizeof(*value))
		return -EPROTO;
	return read_address(value->rtvia_family, value->rtvia_addr,
			    size - sizeof(*value), address);
}

static int read_multipath(const struct nlattr *attribute, uint16_t family,
			  struct rtnl_reading *reading)
{
	static const enum mnl_attr_data_type types[] = {
		[RTA_GATEWAY] = MNL_TYPE_BINARY,
		[RTA_VIA] = MNL_TYPE_BINARY,
	};
	const struct rtnexthop *hop = mnl_attr_get_payload(attribute);
	size_t size = mnl_attr_get_payload_len(attribute);
	const struct nlattr *found[RTA_VIA + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = RTA_VIA + 1,
	};

	if (size < sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
	    hop->rtnh_len > size || hop->rtnh_ifindex < 0 ||
	    netlink_parse_bytes(RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop),
				&attributes))
		return -EPROTO;
	reading->multipath = true;
	reading->index = hop->rtnh_ifindex;
	reading->route.onlink = hop->rtnh_flags & RTNH_F_ONLINK;
	return read_gateway(family, found[RTA_GATEWAY], found[RTA_VIA],
			    &reading->route.gateway);
}

static int read_mtu(const struct nlattr *attribute, uint32_t *mtu)
{
	static const enum mnl_attr_data_type types[] = {
		[RTAX_MTU] = MNL_TYPE_U32,
	};
	const struct nlattr *found[RTAX_MTU + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = RTAX_MTU + 1,
	};

	if (netlink_parse_nested(attribute, &attributes))
		return -EPROTO;
	if (found[RTAX_MTU])
		*mtu = mnl_attr_get_u32(found[RTAX_MTU]);
	return 0;
}

static int read_nexthop(const struct rtmsg *header, const struct nlattr **found,
			struct rtnl_reading *reading)
{
	if (found[RTA_MULTIPATH])
		return read_multipath(found[RTA_MULTIPATH], header->rtm_family,
				      reading);
	if (found[RTA_OIF])
		reading->index = mnl_attr_get_u32(found[RTA_OIF]);
	reading->route.onlink = header->rtm_flags & RTNH_F_ONLINK;
	return read_gateway(header->rtm_family, found[RTA_GATEWAY],
			    found[RTA_VIA], &reading->route.gateway);
}

static bool is_refusal(uint8_t type)
{
	return type == RTN_UNREACHABLE || type == RTN_BLACKHOLE ||
	       type == RTN_PROHIBIT || type == RTN_THROW;
}

static int read_values(const struct rtmsg *header, const struct nlattr **found,
		       struct rtnl_reading *reading)
{
	struct rtnl_route *route = &reading->route;
	int err;

	route->destination.address.family = header->rtm_family;
	route->destination.length = header->rtm_dst_len;
	route->table = header->rtm_table;
	route->type = header->rtm_type;
	route->protocol = header->rtm_protocol;
	reading->foreign = (header->rtm_flags & RTM_F_CLONED) ||
			   header->rtm_src_len || header->rtm_tos;
	route->opaque = found[RTA_MULTIPATH] || found[RTA_ENCAP_TYPE] ||
			found[RTA_NH_ID];
	if (found[RTA_TABLE])
		route->table = mnl_attr_get_u32(found[RTA_TABLE]);
	if (found[RTA_PRIORITY])
		route->metric = mnl_attr_get_u32(found[RTA_PRIORITY]);
	err = read_attribute(header->rtm_family, found[RTA_DST],
			     &route->destination.address);
	if (!err)
		err = read_attribute(header->rtm_family, found[RTA_PREFSRC],
				     &route->source);
	if (!err && found[RTA_METRICS])
		err = read_mtu(found[RTA_METRICS], &route->mtu);
	if (!err)
		err = read_nexthop(header, found, reading);
	/* IPv6 reports lo for these, IPv4 nothing. */
	if (is_refusal(route->type))
		reading->index = 0;
	return err;
}

int rtnl_read_route(const struct nlmsghdr *message, uint16_t family,
		    struct rtnl_reading *reading)
{
	static const enum mnl_attr_data_type types[] = {
		[RTA_DST] = MNL_TYPE_BINARY,
		[RTA_OIF] = MNL_TYPE_U32,
		[RTA_GATEWAY] = MNL_TYPE_BINARY,
		[RTA_PRIORITY] = MNL_TYPE_U32,
		[RTA_PREFSRC] = MNL_TYPE_BINARY,
		[RTA_METRICS] = MNL_TYPE_NESTED,
		[RTA_MULTIPATH] = MNL_TYPE_BINARY,
		[RTA_TABLE] = MNL_TYPE_U32,
		[RTA_VIA] = MNL_TYPE_BINARY,
		[RTA_ENCAP_TYPE] = MNL_TYPE_U16,
		[RTA_NH_ID] = MNL_TYPE_U32,
	};
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *found[RTA_NH_ID + 1];
	struct netlink_attributes attributes = {
		.types = types,
		.found = found,
		.count = RTA_NH_ID + 1,
	};

	if ((message->nlmsg_type != RTM_NEWROUTE &&
	     message->nlmsg_type != RTM_DELROUTE) ||
	    netlink_parse(message, sizeof(*header), &attributes) ||
	    header->rtm_family != family ||
	    header->rtm_dst_len > inet_size(family) * 8)
		return -EPROTO;
	*reading = (struct rtnl_reading){0};
	return read_values(header, found, reading);
}

struct reading_list {
	struct rtnl_reading *items;
	size_t count, capacity;
	uint16_t family;
};

static int list_grow(struct reading_list *list)
{
	size_t capacity = list->capacity ? list->capacity * 2 : 64;
	struct rtnl_reading *items;

	if (list->count < list->capacity)
		return 0;
	items = reallocarray(list->items, capacity, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->capacity = capacity;
	return 0;
}

static int list_visit(void *data, const struct nlmsghdr *message)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct reading_list *list = data;
	int err;

	/* A kernel without this family dumps all that it has (rtnl_dump_all).
	 */
	if (mnl_nlmsg_get_payload_len(message) >= sizeof(*header) &&
	    header->rtm_family != list->family)
		return 0;
	err = list_grow(list);
	if (err)
		return err;
	err = rtnl_read_route(message, list->family, &list->items[list->count]);
	if (!err && !list->items[list->count].foreign)
		list->count++;
	return err;
}

static void put_table(struct nlmsghdr *message, struct rtmsg *header,
		      uint32_t table)
{
	if (table <= UINT8_MAX)
		header->rtm_table = table;
	else
		mnl_attr_put_u32(message, RTA_TABLE, table);
}

/*
 * The routes of list->family with the table, type and protocol of filter: only
 * as far as the kernel has NETLINK_GET_STRICT_CHK (4.20), so the caller looks
 * again. The caller frees list->items, also after an error.
 */
static int list_routes(struct rtnl *rtnl, const struct rtnl_route *filter,
		       struct reading_list *list)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct rtmsg *header;
	int err = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && err == -EINTR; i++) {
		message = netlink_message(&buffer, RTM_GETROUTE, NLM_F_DUMP);
		header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
		header->rtm_family = list->family;
		header->rtm_type = filter->type;
		header->rtm_protocol = filter->protocol;
		put_table(message, header, filter->table);
		list->count = 0;
		err = netlink_request(&rtnl->netlink, message, list_visit,
				      list);
	}
	return err == -EINTR ? -EAGAIN : err;
}

static int visit_all(struct rtnl *rtnl, struct reading_list *list,
		     rtnl_route_visit visit, void *data)
{
	char name[IFNAMSIZ] = "";
	unsigned index = 0;
	int err;

	for (size_t i = 0; i < list->count; i++) {
		struct rtnl_reading *reading = &list->items[i];

		if (reading->index && reading->index != index) {
			err = rtnl_link_name(rtnl, reading->index, name);
			index = err ? 0 : reading->index;
			/* Gone since, and its routes with it. */
			if (err == -ENODEV)
				continue;
			if (err)
				return err;
		}
		if (reading->index)
			memcpy(reading->route.device, name, sizeof(name));
		err = visit(data, &reading->route);
		if (err)
			return err;
	}
	return 0;
}

int rtnl_table_each(struct rtnl *rtnl, uint16_t family, uint32_t table,
		    rtnl_route_visit visit, void *data)
{
	const struct rtnl_route filter = {.table = table};
	struct reading_list list = {.family = family};
	size_t count = 0;
	int err;

	if (inet_size(family) == 0)
		return -EAFNOSUPPORT;
	err = list_routes(rtnl, &filter, &list);
	for (size_t i = 0; !err && i < list.count; i++) {
		if (list.items[i].route.table == table)
			list.items[count++] = list.items[i];
	}
	list.count = count;
	if (!err)
		err = visit_all(rtnl, &list, visit, data);
	free(list.items);
	/* ENOENT: the kernel has no such table. */
	return err == -ENOENT ? 0 : err;
}

static int get_visit(void *data, const struct nlmsghdr *message)
{
	struct rtnl_reading *reading = data;

	return rtnl_read_route(
		message, reading->route.destination.address.family, reading);
}

/* What a route is asked for by; index 0: by any device. */
struct question {
	const struct inet_address *to;
	uint32_t mark, flags;
	unsigned index;
};

/* The device is left as its index. */
static int get_reading(struct rtnl *rtnl, const struct question *question,
		       struct rtnl_reading *reading)
{
	const struct inet_address *to = question->to;
	size_t size = inet_size(to->family);
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct rtmsg *header;
	int err;

	if (size == 0)
		return -EAFNOSUPPORT;
	*reading = (struct rtnl_reading){.route.destination =
						 inet_prefix_host(to)};
	message = netlink_message(&buffer, RTM_GETROUTE, 0);
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->rtm_family = to->family;
	header->rtm_dst_len = size * 8;
	header->rtm_flags = question->flags;
	/* IPv6 always reports the table, and refuses this flag. */
	if (to->family == AF_INET)
		header->rtm_flags |= RTM_F_LOOKUP_TABLE;
	mnl_attr_put(message, RTA_DST, size, to->bytes);
	if (question->mark)
		mnl_attr_put_u32(message, RTA_MARK, question->mark);
	if (question->index)
		mnl_attr_put_u32(message, RTA_OIF, question->index);
	err = netlink_request(&rtnl->netlink, message, get_visit, reading);
	if (!err && reading->route.type == RTN_UNSPEC)
		err = -EPROTO;
	return err;
}

static int get(struct rtnl *rtnl, const struct question *question,
	       struct rtnl_reading *reading)
{
	int err = get_reading(rtnl, question, reading);

	if (err || !reading->index)
		return err;
	return rtnl_link_name(rtnl, reading->index, reading->route.device);
}

int rtnl_route_get(struct rtnl *rtnl, const struct inet_address *to,
		   uint32_t mark, struct rtnl_route *route)
{
	const struct question question = {.to = to, .mark = mark};
	struct rtnl_reading reading;
	int err = get(rtnl, &question, &reading);

	if (err)
		return err;
	*route = reading.route;
	route->destination = inet_prefix_host(to);
	return 0;
}

int rtnl_route_match(struct rtnl *rtnl, const struct inet_address *to,
		     uint32_t mark, struct rtnl_route *route)
{
	const struct question question = {
		.to = to,
		.mark = mark,
		.flags = RTM_F_FIB_MATCH,
	};
	struct rtnl_reading reading;
	int err = get(rtnl, &question, &reading);

	if (!err)
		*route = reading.route;
	return err;
}

int rtnl_route_by(struct rtnl *rtnl, const struct inet_address *to,
		  const char *device, struct rtnl_route *route)
{
	struct question question = {.to = to, .flags = RTM_F_FIB_MATCH};
	struct rtnl_reading reading;
	int err = rtnl_link_get(rtnl, device, &question.index, NULL);

	if (!err)
		err = get(rtnl, &question, &reading);
	if (!err)
		*route = reading.route;
	return err;
}

/* The route with the values that the kernel gives to what the caller left. */
static struct rtnl_route complete(const struct rtnl_route *route)
{
	struct rtnl_route full = *route;

	if (full.type == RTN_UNSPEC)
		full.type = RTN_UNICAST;
	if (full.table == RT_TABLE_UNSPEC)
		full.table = RT_TABLE_MAIN;
	if (full.metric == 0 && full.destination.address.family == AF_INET6)
		full.metric = IP6_RT_PRIO_USER;
	return full;
}

static int put_gateway(struct nlmsghdr *message, uint16_t family,
		       const struct inet_address *gateway)
{
	size_t size = inet_size(gateway->family);
	uint8_t via[sizeof(struct rtvia) + sizeof(gateway->bytes)];
	const struct rtvia header = {.rtvia_family = gateway->family};

	if (size == 0)
		return 0;
	if (gateway->family == family) {
		mnl_attr_put(message, RTA_GATEWAY, size, gateway->bytes);
		return 0;
	}
	if (family != AF_INET)
		return -EINVAL;
	memcpy(via, &header, sizeof(header));
	memcpy(via + sizeof(header), gateway->bytes, size);
	mnl_attr_put(message, RTA_VIA, sizeof(header) + size, via);
	return 0;
}

/*
 * Scopes as `ip route` sets them (ip-route(8), SCOPE); IPv6 has none. For a
 * deletion RT_SCOPE_NOWHERE means any.
 */
static uint8_t scope_of(const struct rtnl_route *route, uint16_t type)
{
	if (type == RTM_DELROUTE)
		return RT_SCOPE_NOWHERE;
	if (route->type == RTN_UNICAST && !route->global &&
	    route->gateway.family == AF_UNSPEC)
		return RT_SCOPE_LINK;
	return RT_SCOPE_UNIVERSE;
}

static void put_mtu(struct nlmsghdr *message, uint32_t mtu)
{
	struct nlattr *metrics = mnl_attr_nest_start(message, RTA_METRICS);

	mnl_attr_put_u32(message, RTAX_MTU, mtu);
	mnl_attr_nest_end(message, metrics);
}

static int put_route(struct nlmsghdr *message, const struct rtnl_route *route,
		     unsigned index)
{
	const struct inet_address *to = &route->destination.address;
	struct rtmsg *header =
		mnl_nlmsg_put_extra_header(message, sizeof(*header));
	int err;

	header->rtm_family = to->family;
	header->rtm_dst_len = route->destination.length;
	header->rtm_type = route->type;
	header->rtm_protocol = route->protocol;
	header->rtm_scope = scope_of(route, message->nlmsg_type);
	header->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
	put_table(message, header, route->table);
	mnl_attr_put(message, RTA_DST, inet_size(to->family), to->bytes);
	err = put_gateway(message, to->family, &route->gateway);
	if (err)
		return err;
	if (index)
		mnl_attr_put_u32(message, RTA_OIF, index);
	if (route->source.family == to->family)
		mnl_attr_put(message, RTA_PREFSRC, inet_size(to->family),
			     route->source.bytes);
	if (route->metric)
		mnl_attr_put_u32(message, RTA_PRIORITY, route->metric);
	if (route->mtu && message->nlmsg_type == RTM_NEWROUTE)
		put_mtu(message, route->mtu);
	return 0;
}

static int route_request(struct rtnl *rtnl, uint16_t type, uint16_t flags,
			 const struct rtnl_route *route, unsigned index)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message = netlink_message(&buffer, type, flags);
	int err = put_route(message, route, index);

	return err ? err : netlink_request(&rtnl->netlink, message, NULL, NULL);
}

static int device_index(struct rtnl *rtnl, const struct rtnl_route *route,
			unsigned *index)
{
	*index = 0;
	if (inet_size(route->destination.address.family) == 0)
		return -EAFNOSUPPORT;
	if (!route->device[0])
		return 0;
	return rtnl_link_get(rtnl, route->device, index, NULL);
}

int rtnl_route_add(struct rtnl *rtnl, const struct rtnl_route *route)
{
	struct rtnl_route full = complete(route);
	unsigned index;
	int err = device_index(rtnl, route, &index);

	if (err)
		return err;
	return route_request(rtnl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
			     &full, index);
}

static bool is_same(const struct rtnl_reading *reading,
		    const struct rtnl_route *route, unsigned index)
{
	const struct rtnl_route *there = &reading->route;

	return !reading->multipath && reading->index == index &&
	       inet_prefix_equal(&there->destination, &route->destination) &&
	       inet_address_equal(&there->gateway, &route->gateway) &&
	       there->table == route->table && there->metric == route->metric &&
	       there->type == route->type && there->protocol == route->protocol;
}

/*
 * A route in main is asked for by the first or the last address in it: to read
 * the table takes long where it is that of the whole internet. False where it
 * is not there, or where other routes or a rule go before it: then the table
 * has to be read.
 */
static bool is_in_use(struct rtnl *rtnl, const struct rtnl_route *full,
		      unsigned index)
{
	struct inet_address ends[2];
	struct rtnl_reading reading;

	if (full->table != RT_TABLE_MAIN)
		return false;
	ends[0] = full->destination.address;
	ends[1] = inet_prefix_last(&full->destination);
	for (size_t i = 0; i < 2; i++) {
		const struct question question = {
			.to = &ends[i],
			.mark = RTNL_MARK_OUTSIDE,
			.flags = RTM_F_FIB_MATCH,
		};

		if (get_reading(rtnl, &question, &reading) == 0 &&
		    !reading.foreign && is_same(&reading, full, index))
			return true;
	}
	return false;
}

/* full is complete; its device's index is *index. */
static int find_route(struct rtnl *rtnl, const struct rtnl_route *full,
		      unsigned *index)
{
	struct reading_list list = {
		.family = full->destination.address.family,
	};
	bool found = false;
	int err = device_index(rtnl, full, index);

	/* No such device: no route by it. */
	if (err)
		return err == -ENODEV ? 0 : err;
	if (is_in_use(rtnl, full, *index))
		return 1;
	err = list_routes(rtnl, full, &list);
	for (size_t i = 0; !err && !found && i < list.count; i++)
		found = is_same(&list.items[i], full, *index);
	free(list.items);
	/* ENOENT: the kernel has no such table. */
	return err && err != -ENOENT ? err : found;
}

int rtnl_table_used(struct rtnl *rtnl, uint16_t family, uint32_t table)
{
	const struct rtnl_route filter = {.table = table};
	struct reading_list list = {.family = family};
	bool used = false;
	int err = list_routes(rtnl, &filter, &list);

	for (size_t i = 0; !err && !used && i < list.count; i++)
		used = list.items[i].route.table == table;
	free(list.items);
	/* ENOENT: the kernel has no such table, or no such family. */
	return err && err != -ENOENT && err != -EAFNOSUPPORT ? err : used;
}

int rtnl_route_has(struct rtnl *rtnl, const struct rtnl_route *route)
{
	struct rtnl_route full = complete(route);
	unsigned index;

	return find_route(rtnl, &full, &index);
}

/* found: the result of rtnl_route_has(). */
static int delete_found(struct rtnl *rtnl, struct rtnl_route *full,
			unsigned index, int found)
{
	if (found <= 0)
		return found ? found : -ESRCH;
	full->source = (struct inet_address){0};
	return route_request(rtnl, RTM_DELROUTE, 0, full, index);
}

/*
 * RTM_DELROUTE takes the first route that agrees in what the message has, and
 * does not compare everything: IPv6 not the type, nor a gateway that was not
 * given (ip6_route_del()), IPv4 not further nexthops (fib_nh_match()).
 * So the route is looked up first.
 */
int rtnl_route_del(struct rtnl *rtnl, const struct rtnl_route *route)
{
	struct rtnl_route full = complete(route);
	unsigned index;
	int found = find_route(rtnl, &full, &index);

	return delete_found(rtnl, &full, index, found);
}

/*
 * So many routes are sooner asked for than found in a table of a million; of
 * more it does not matter.
 */
#define QUESTIONS 2000

/* The routes of one family and table, sorted by destination. */
struct routes_table {
	struct reading_list list;
	uint32_t table;
};

struct rtnl_routes {
	struct routes_table *tables; /* as they were asked for */
	size_t count;
	size_t questions;      /* that were answered without a table */
	char device[IFNAMSIZ]; /* whose index is known */
	unsigned index;
};

struct rtnl_routes *rtnl_routes_new(void)
{
	return calloc(1, sizeof(struct rtnl_routes));
}

static int by_destination(const void *a, const void *b)
{
	const struct inet_prefix *x =
		&((const struct rtnl_reading *)a)->route.destination;
	const struct inet_prefix *y =
		&((const struct rtnl_reading *)b)->route.destination;
	int order = memcmp(&x->address, &y->address, sizeof(x->address));

	return order ? order : x->length - y->length;
}

static int read_table(struct rtnl *rtnl, const struct rtnl_route *full,
		      struct routes_table *table)
{
	const struct rtnl_route filter = {
		.protocol = full->protocol,
		.table = full->table,
	};
	int err;

	*table = (struct routes_table){.table = full->table};
	table->list.family = full->destination.address.family;
	err = list_routes(rtnl, &filter, &table->list);
	/* The kernel has no such table. */
	if (err == -ENOENT)
		table->list.count = 0;
	else if (err)
		return err;
	if (table->list.count)
		qsort(table->list.items, table->list.count,
		      sizeof(*table->list.items), by_destination);
	return 0;
}

static int find_table(struct rtnl *rtnl, struct rtnl_routes *routes,
		      const struct rtnl_route *full,
		      const struct reading_list **list)
{
	struct routes_table *tables;
	int err;

	for (size_t i = 0; i < routes->count; i++) {
		*list = &routes->tables[i].list;
		if (routes->tables[i].table == full->table &&
		    (*list)->family == full->destination.address.family)
			return 0;
	}
	tables = reallocarray(routes->tables, routes->count + 1,
			      sizeof(*tables));
	if (!tables)
		return -ENOMEM;
	routes->tables = tables;
	err = read_table(rtnl, full, &tables[routes->count]);
	if (err) {
		free(tables[routes->count].list.items);
		return err;
	}
	*list = &tables[routes->count++].list;
	return 0;
}

/* Routes to the same destination come one after the other. */
static bool list_has(const struct reading_list *list,
		     const struct rtnl_route *full, unsigned index)
{
	const struct rtnl_reading key = {.route = *full};
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_destination(&list->items[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < list->count && !by_destination(&list->items[low], &key);
	     low++) {
		if (is_same(&list->items[low], full, index))
			return true;
	}
	return false;
}

static int known_index(struct rtnl *rtnl, struct rtnl_routes *routes,
		       const struct rtnl_route *route, unsigned *index)
{
	int err;

	if (!route->device[0] || strcmp(route->device, routes->device) != 0) {
		err = device_index(rtnl, route, index);
		if (err || !*index)
			return err;
		memcpy(routes->device, route->device, sizeof(routes->device));
		routes->index = *index;
	}
	*index = routes->index;
	return 0;
}

static int find_known(struct rtnl *rtnl, struct rtnl_routes *routes,
		      const struct rtnl_route *full, unsigned *index)
{
	const struct reading_list *list;
	int err = known_index(rtnl, routes, full, index);

	if (err)
		return err == -ENODEV ? 0 : err;
	if (routes->questions < QUESTIONS && is_in_use(rtnl, full, *index)) {
		routes->questions++;
		return 1;
	}
	err = find_table(rtnl, routes, full, &list);
	return err ? err : list_has(list, full, *index);
}

int rtnl_routes_have(struct rtnl *rtnl, struct rtnl_routes *routes,
		     const struct rtnl_route *route)
{
	struct rtnl_route full = complete(route);
	unsigned index;

	return find_known(rtnl, routes, &full, &index);
}

int rtnl_routes_del(struct rtnl *rtnl, struct rtnl_routes *routes,
		    const struct rtnl_route *route)
{
	struct rtnl_route full = complete(route);
	unsigned index;
	int found = find_known(rtnl, routes, &full, &index);

	return delete_found(rtnl, &full, index, found);
}

void rtnl_routes_free(struct rtnl_routes *routes)
{
	if (!routes)
		return;
	for (size_t i = 0; i < routes->count; i++)
		free(routes->tables[i].list.items);
	free(routes->tables);
	free(routes);
}

/* Room for one message of these. */
#define PEER_ROUTE_SIZE 128

int rtnl_peer_routes(struct rtnl *rtnl, const char *device,
		     struct rtnl_peer_route *routes, size_t count)
{
	_Alignas(
		struct nlmsghdr) char batch[RTNL_PEER_ROUTES * PEER_ROUTE_SIZE];
	struct rtnl_route route = {.protocol = RTNL_PROTOCOL};
	int errors[RTNL_PEER_ROUTES] = {0};
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	size_t size = 0;
	unsigned index;
	int err = rtnl_link_get(rtnl, device, &index, NULL);

	if (err || !count)
		return err;
	for (size_t i = 0; i < count; i++) {
		route.destination = inet_prefix_host(&routes[i].address);
		route.metric = routes[i].metric;
		route = complete(&route);
		message = netlink_message(
			&buffer, routes[i].add ? RTM_NEWROUTE : RTM_DELROUTE,
			routes[i].add ? NLM_F_CREATE | NLM_F_EXCL : 0);
		err = put_route(message, &route, index);
		if (err || message->nlmsg_len > PEER_ROUTE_SIZE)
			return err ? err : -EMSGSIZE;
		message->nlmsg_seq = rtnl->netlink.sequence + 1 + (uint32_t)i;
		memcpy(batch + size, message, message->nlmsg_len);
		size += MNL_ALIGN(message->nlmsg_len);
	}
	err = netlink_batch_each(&rtnl->netlink, batch, size, (unsigned)count,
				 errors);
	for (size_t i = 0; i < count; i++) {
		bool done = errors[i] == (routes[i].add ? -EEXIST : -ESRCH);

		routes[i].err = done ? 0 : errors[i];
	}
	return err;
}
