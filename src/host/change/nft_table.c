/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This kind is a table of nf_tables. */
#include "host/change/change_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/reason.h"

#define NFT "nft '"

/* Returns err, which may be 0. */
static int explain_nft(const struct change_context *context, int err,
		       const char *table, struct reason *reason)
{
	const char *step = context->nft ? nft_reason(context->nft) : "";

	switch (err) {
	case 0:
		break;
	case -EPERM:
	case -EACCES:
		reason_set(reason, "table %s: %s", table, CHANGE_AS_ROOT);
		break;
	case -EEXIST:
		reason_set(reason,
			   "there is an nft table %s already: if no other "
			   "minivpn uses it, remove it (nft list tables; nft "
			   "delete table FAMILY %s)",
			   table, table);
		break;
	case -EPROTONOSUPPORT:
	case -EAFNOSUPPORT:
	case -EOPNOTSUPP:
	case -ENOENT:
		reason_set(reason,
			   "table %s: the kernel has no nf_tables, or not all "
			   "of it (modprobe nf_tables nft_chain_nat nft_masq)"
			   "%s%s",
			   table, step[0] ? ": " : "", step);
		break;
	default:
		reason_set(reason, "table %s: %s%s%s", table, step,
			   step[0] ? ": " : "", strerror(-err));
	}
	return err;
}

static int open_nft(struct change_context *context)
{
	int err;

	if (context->nft)
		return 0;
	/* In another namespace change_context_enter() has tried. */
	if (context->place.name[0])
		return -EPROTONOSUPPORT;
	err = nft_open(&context->nft);

	if (err)
		context->nft = NULL;
	return err;
}

/* This makes the result of a revert from what became of the request. */
static int end_revert(const struct change_context *context, int err,
		      const char *table, struct reason *reason)
{
	/* Without nf_tables there is no table. */
	if (!context->nft && err == -EPROTONOSUPPORT)
		return 0;
	if (err == 0 || err == -ENOENT)
		return 0;
	if (context->nft && err == -EPERM && geteuid() == 0) {
		reason_set(reason,
			   "table %s is left: another process owns it now",
			   table);
		return 1;
	}
	return explain_nft(context, err, table, reason);
}

/* The command around what nft_*_print() prints is ours. */
static int put_table(const char *table, struct text *text)
{
	if (strchr(table, '\''))
		return -EINVAL;
	text_append(text, NFT "%s'", table);
	return 0;
}

static int take_table(const char *text, char table[CHANGE_TEXT_SIZE])
{
	size_t length;

	text += strlen(NFT);
	length = strcspn(text, "'");
	if (length >= CHANGE_TEXT_SIZE)
		return -EINVAL;
	memcpy(table, text, length);
	table[length] = '\0';
	return 0;
}

static bool kernel_lacks(int err)
{
	return err == -EPROTONOSUPPORT || err == -EAFNOSUPPORT ||
	       err == -EOPNOTSUPP || err == -ENOENT || err == -EINVAL;
}

static int apply_gateway(struct change_context *context,
			 const struct change *change, struct reason *reason)
{
	int err = open_nft(context);

	if (!err)
		err = nft_gateway_add(context->nft, &change->gateway);
	return explain_nft(context, err, change->gateway.table, reason);
}

static int revert_gateway(struct change_context *context,
			  const struct change *change, struct reason *reason)
{
	int err = open_nft(context);

	if (!err)
		err = nft_gateway_del(context->nft, &change->gateway);
	return end_revert(context, err, change->gateway.table, reason);
}

/* The socket was opened when the change was made. */
static int gateway_missing(struct change_context *context,
			   const struct change *change)
{
	if (!context->nft)
		return 0;
	return change_unless(nft_gateway_has(context->nft, &change->gateway));
}

static int print_gateway(const struct change *change, struct text *text)
{
	char table[CHANGE_TEXT_SIZE];
	int err = nft_gateway_print(&change->gateway, table, sizeof(table));

	return err ? err : put_table(table, text);
}

static int parse_gateway(const char *text, struct change *change)
{
	char table[CHANGE_TEXT_SIZE];
	int err = take_table(text, table);

	return err ? err : nft_gateway_parse(table, &change->gateway);
}

static const struct change_field gateway_fields[] = {
	CHANGE_FIELD("table", WORD, gateway.table),
	CHANGE_FIELD("inner", PREFIX, gateway.inner),
	CHANGE_FIELD("device", WORD, gateway.device),
	CHANGE_FIELD("uplink", WORD, gateway.uplink),
	CHANGE_FIELD("masquerade", FLAG, gateway.masquerade),
	CHANGE_ARRAY("ports", NUMBER, gateway.ports),
	{0},
};

/* Nothing but the family of the network is in a table without masquerading. */
static bool equal_gateway(const struct change *a, const struct change *b)
{
	struct change other = *b;

	if (a->gateway.inner.address.family ==
		    b->gateway.inner.address.family &&
	    !a->gateway.masquerade && !b->gateway.masquerade)
		other.gateway.inner = a->gateway.inner;
	return change_fields_equal(gateway_fields, a, &other);
}

const struct change_operations change_gateway = {
	.name = "gateway",
	.fields = gateway_fields,
	.equal = equal_gateway,
	.place = CHANGE_PLACE_COMMAND,
	.inside = true,
	.table = true,
	.apply = apply_gateway,
	.revert = revert_gateway,
	.missing = gateway_missing,
	.print = print_gateway,
	.starts = {NFT},
	.parse = parse_gateway,
};

static int apply_killswitch(struct change_context *context,
			    const struct change *change, struct reason *reason)
{
	int err = open_nft(context);

	if (!err)
		err = nft_killswitch_add(context->nft, &change->killswitch);
	return explain_nft(context, err, change->killswitch.table, reason);
}

static int revert_killswitch(struct change_context *context,
			     const struct change *change, struct reason *reason)
{
	int err = open_nft(context);

	if (!err)
		err = nft_killswitch_del(context->nft, &change->killswitch);
	return end_revert(context, err, change->killswitch.table, reason);
}

static int killswitch_missing(struct change_context *context,
			      const struct change *change)
{
	if (!context->nft)
		return 0;
	return change_unless(
		nft_killswitch_has(context->nft, &change->killswitch));
}

static int print_killswitch(const struct change *change, struct text *text)
{
	char table[CHANGE_TEXT_SIZE];
	int err =
		nft_killswitch_print(&change->killswitch, table, sizeof(table));

	return err ? err : put_table(table, text);
}

static int parse_killswitch(const char *text, struct change *change)
{
	char table[CHANGE_TEXT_SIZE];
	int err = take_table(text, table);

	return err ? err : nft_killswitch_parse(table, &change->killswitch);
}

static const struct change_field killswitch_fields[] = {
	CHANGE_FIELD("table", WORD, killswitch.table),
	CHANGE_FIELD("device", WORD, killswitch.device),
	CHANGE_FIELD("mark", NUMBER, killswitch.mark),
	CHANGE_FIELD("mask", NUMBER, killswitch.mask),
	CHANGE_FIELD("names", FLAG, killswitch.names),
	CHANGE_LIST("servers", ENDPOINT, killswitch.servers, killswitch.count),
	CHANGE_LIST("last_ports", NUMBER, killswitch.last_ports,
		    killswitch.count),
	CHANGE_LIST("exclude", PREFIX, killswitch.exclude,
		    killswitch.exclude_count),
	CHANGE_FIELD("lan", FLAG, killswitch.lan),
	CHANGE_LIST("networks", PREFIX, killswitch.networks,
		    killswitch.network_count),
	CHANGE_FIELD("bare", FLAG, killswitch.bare),
	{0},
};

const struct change_operations change_killswitch = {
	.name = "killswitch",
	.fields = killswitch_fields,
	.place = CHANGE_PLACE_COMMAND,
	.inside = true,
	.table = true,
	.apply = apply_killswitch,
	.revert = revert_killswitch,
	.missing = killswitch_missing,
	.print = print_killswitch,
	.starts = {NFT},
	.parse = parse_killswitch,
};

static int add_marks(struct change_context *context,
		     const struct change *change, struct reason *reason)
{
	int err = open_nft(context);

	if (!err)
		err = nft_marks_add(context->nft, &change->marks);
	return explain_nft(context, err, change->marks.table, reason);
}

/* A tunnel can do without: most of it works on kernels that lack this. */
static int apply_marks(struct change_context *context,
		       const struct change *change, struct reason *reason)
{
	int err = add_marks(context, change, reason);

	if (!kernel_lacks(err))
		return err;
	log_warning("table %s is left out, so that answers to who comes from "
		    "outside go into the tunnel, and rp_filter may drop what "
		    "comes to the tunnel: the kernel has not all of it "
		    "(modprobe nf_tables nf_conntrack nft_ct nft_fib_inet "
		    "nft_socket)%s%s",
		    change->marks.table, context->nft ? ": " : "",
		    context->nft ? nft_reason(context->nft) : "");
	return 1;
}

static int revert_marks(struct change_context *context,
			const struct change *change, struct reason *reason)
{
	int err = open_nft(context);

	if (!err)
		err = nft_marks_del(context->nft, &change->marks);
	return end_revert(context, err, change->marks.table, reason);
}

static int marks_missing(struct change_context *context,
			 const struct change *change)
{
	if (!context->nft)
		return 0;
	return change_unless(nft_marks_has(context->nft, &change->marks));
}

static int print_marks(const struct change *change, struct text *text)
{
	char table[CHANGE_TEXT_SIZE];
	int err = nft_marks_print(&change->marks, table, sizeof(table));

	return err ? err : put_table(table, text);
}

static int parse_marks(const char *text, struct change *change)
{
	char table[CHANGE_TEXT_SIZE];
	int err = take_table(text, table);

	return err ? err : nft_marks_parse(table, &change->marks);
}

static const struct change_field marks_fields[] = {
	CHANGE_FIELD("table", WORD, marks.table),
	CHANGE_FIELD("mark", NUMBER, marks.mark),
	CHANGE_FIELD("inbound", FLAG, marks.inbound),
	CHANGE_FIELD("device", WORD, marks.device),
	CHANGE_ARRAY("ports", NUMBER, marks.ports),
	{0},
};

const struct change_operations change_marks = {
	.name = "marks",
	.fields = marks_fields,
	.place = CHANGE_PLACE_COMMAND,
	.inside = true,
	.table = true,
	.apply = apply_marks,
	.revert = revert_marks,
	.missing = marks_missing,
	.print = print_marks,
	.starts = {NFT},
	.parse = parse_marks,
};

static int add_filter(struct change_context *context,
		      const struct change *change, struct reason *reason)
{
	int err = open_nft(context);

	if (!err)
		err = nft_filter_add(context->nft, &change->filter);
	return explain_nft(context, err, change->filter.table, reason);
}

/*
 * A client works without it. A server does not: it forwards, and who forwards
 * for everybody is no server.
 */
static int apply_filter(struct change_context *context,
			const struct change *change, struct reason *reason)
{
	const struct nft_filter *filter = &change->filter;
	int err = add_filter(context, change, reason);
	char own[INET_ADDRESS_TEXT];

	if (filter->server || !kernel_lacks(err))
		return err;
	inet_format_address(&filter->inner.address, own, sizeof(own));
	if (filter->arp)
		log_info("table arp %s is left out: whoever is on this host's "
			 "networks can find out that it has the address %s",
			 filter->table, own);
	else
		log_warning("table %s is left out, so that whoever is on this "
			    "host's networks can send to %s beside the tunnel: "
			    "the kernel has no nf_tables (modprobe nf_tables)",
			    filter->table, own);
	return 1;
}

static int revert_filter(struct change_context *context,
			 const struct change *change, struct reason *reason)
{
	int err = open_nft(context);

	if (!err)
		err = nft_filter_del(context->nft, &change->filter);
	return end_revert(context, err, change->filter.table, reason);
}

static int filter_missing(struct change_context *context,
			  const struct change *change)
{
	if (!context->nft)
		return 0;
	return change_unless(nft_filter_has(context->nft, &change->filter));
}

static int print_filter(const struct change *change, struct text *text)
{
	char table[CHANGE_TEXT_SIZE];
	int err = nft_filter_print(&change->filter, table, sizeof(table));

	return err ? err : put_table(table, text);
}

static int parse_filter(const char *text, struct change *change)
{
	char table[CHANGE_TEXT_SIZE];
	int err = take_table(text, table);

	return err ? err : nft_filter_parse(table, &change->filter);
}

static const struct change_field filter_fields[] = {
	CHANGE_FIELD("table", WORD, filter.table),
	CHANGE_FIELD("device", WORD, filter.device),
	CHANGE_FIELD("inner", PREFIX, filter.inner),
	CHANGE_FIELD("arp", FLAG, filter.arp),
	CHANGE_FIELD("server", FLAG, filter.server),
	CHANGE_LIST("ports", NUMBER, filter.ports, filter.port_count),
	CHANGE_LIST("ranges", PORTS, filter.ranges, filter.range_count),
	CHANGE_LIST("allowed", PREFIX, filter.allowed, filter.allowed_count),
	CHANGE_FIELD("closed", FLAG, filter.closed),
	CHANGE_LIST("links", LINK, filter.links, filter.link_count),
	{0},
};

const struct change_operations change_filter = {
	.name = "filter",
	.fields = filter_fields,
	.place = CHANGE_PLACE_COMMAND,
	.inside = true,
	.table = true,
	.apply = apply_filter,
	.revert = revert_filter,
	.missing = filter_missing,
	.print = print_filter,
	.starts = {NFT},
	.parse = parse_filter,
};

static int apply_redirect(struct change_context *context,
			  const struct change *change, struct reason *reason)
{
	int err = open_nft(context);

	if (!err)
		err = nft_redirect_add(context->nft, &change->redirect);
	return explain_nft(context, err, change->redirect.table, reason);
}

static int revert_redirect(struct change_context *context,
			   const struct change *change, struct reason *reason)
{
	int err = open_nft(context);

	if (!err)
		err = nft_redirect_del(context->nft, &change->redirect);
	return end_revert(context, err, change->redirect.table, reason);
}

static int redirect_missing(struct change_context *context,
			    const struct change *change)
{
	if (!context->nft)
		return 0;
	return change_unless(nft_redirect_has(context->nft, &change->redirect));
}

static int print_redirect(const struct change *change, struct text *text)
{
	char table[CHANGE_TEXT_SIZE];
	int err = nft_redirect_print(&change->redirect, table, sizeof(table));

	return err ? err : put_table(table, text);
}

static int parse_redirect(const char *text, struct change *change)
{
	char table[CHANGE_TEXT_SIZE];
	int err = take_table(text, table);

	return err ? err : nft_redirect_parse(table, &change->redirect);
}

static const struct change_field redirect_fields[] = {
	CHANGE_FIELD("table", WORD, redirect.table),
	CHANGE_FIELD("device", WORD, redirect.device),
	CHANGE_FIELD("ipv6", FLAG, redirect.ipv6),
	CHANGE_LIST("ports", PORTS, redirect.ports, redirect.count),
	CHANGE_LIST("to", ENDPOINT, redirect.to, redirect.count),
	{0},
};

const struct change_operations change_redirect = {
	.name = "redirect",
	.fields = redirect_fields,
	.place = CHANGE_PLACE_COMMAND,
	.inside = true,
	.table = true,
	.apply = apply_redirect,
	.revert = revert_redirect,
	.missing = redirect_missing,
	.print = print_redirect,
	.starts = {NFT},
	.parse = parse_redirect,
};
