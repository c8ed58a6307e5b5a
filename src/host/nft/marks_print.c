/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of marks in the words of nft(8), and back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/nft/nft_internal.h"
#include "host/nft/marks.h"

#define PREROUTING                                                             \
	"chain prerouting { type filter hook prerouting priority mangle + 5; " \
	"policy accept; "
#define OWN                                                                    \
	"chain own { type filter hook output priority mangle - 5; "            \
	"policy accept; "
#define OUTPUT                                                                 \
	"chain output { type route hook output priority mangle + 5; "          \
	"policy accept; "

#define TEXT_SIZE 2048

int nft_marks_check(const struct nft_marks *marks)
{
	if (!nft_table_name_valid(marks->table, sizeof(marks->table)) ||
	    marks->mark == 0)
		return -EINVAL;
	/* What could not be printed would be lost in the journal. */
	if (!marks->inbound)
		return marks->device[0] || marks->ports[0] || marks->ports[1]
			       ? -EINVAL
			       : 0;
	/* nft(8) has no range of one port, or none. */
	if (!nft_device_name_valid(marks->device) || marks->ports[0] == 0 ||
	    marks->ports[0] >= marks->ports[1])
		return -EINVAL;
	return 0;
}

static int print_inbound(const struct nft_marks *marks, char *text, size_t size)
{
	unsigned first = marks->ports[0], last = marks->ports[1];
	char set[32];
	int length;

	snprintf(set, sizeof(set), "ct mark set 0x%08x;", marks->mark);
	length = snprintf(text, size,
			  "chain inbound { tcp dport != %u-%u %s "
			  "tcp flags & (fin|syn|rst|ack) == syn %s "
			  "udp dport != %u-%u %s "
			  "udp dport %u-%u socket wildcard 1 %s "
			  "icmp type echo-request %s "
			  "icmpv6 type echo-request %s }; ",
			  first, last, set, set, first, last, set, first, last,
			  set, set, set);
	return (size_t)length < size ? 0 : -ENOSPC;
}

/* Which packets the chain inbound is asked about. */
static int print_question(const struct nft_marks *marks, char *text,
			  size_t size)
{
	int length = snprintf(text, size,
			      "iifname != \"%s\" ct mark 0 "
			      "fib daddr . iif type local "
			      "fib saddr . iif oif missing jump inbound; ",
			      marks->device);

	return (size_t)length < size ? 0 : -ENOSPC;
}

int nft_marks_print(const struct nft_marks *marks, char *text, size_t size)
{
	char inbound[1024] = "", question[256] = "";
	int length, err = nft_marks_check(marks);

	if (!err && marks->inbound) {
		err = print_inbound(marks, inbound, sizeof(inbound));
		if (!err)
			err = print_question(marks, question, sizeof(question));
	}
	if (err)
		return err;
	length = snprintf(text, size,
			  "table inet %s { comment \"" NFT_COMMENT "\"; "
			  "flags owner; %s" PREROUTING
			  "%sct mark 0x%08x meta mark set ct mark; }; " OWN
			  "meta mark 0x%08x ct mark set meta mark; }; " OUTPUT
			  "ct mark 0x%08x meta mark set ct mark; }; }",
			  marks->table, inbound, question, marks->mark,
			  marks->mark, marks->mark);
	return (size_t)length < size ? 0 : -ENOSPC;
}

/* As in nft_gateway_parse(), the rest shows when it is printed again. */
int nft_marks_parse(const char *text, struct nft_marks *marks)
{
	struct nft_marks parsed = {0};
	char mark[16], again[TEXT_SIZE];

	if (nft_text_between(text, "table inet ", " {", parsed.table,
			     sizeof(parsed.table)) ||
	    nft_text_between(text, " meta mark 0x", " ", mark, sizeof(mark)) ||
	    sscanf(mark, "%8x", &parsed.mark) != 1)
		return -EINVAL;
	parsed.inbound = strstr(text, "chain inbound ") != NULL;
	if (parsed.inbound &&
	    (nft_text_between(text, "iifname != \"", "\"", parsed.device,
			      sizeof(parsed.device)) ||
	     sscanf(strstr(text, "chain inbound "),
		    "chain inbound { tcp dport != %5hu-%5hu", &parsed.ports[0],
		    &parsed.ports[1]) != 2))
		return -EINVAL;
	if (nft_marks_print(&parsed, again, sizeof(again)) ||
	    strcmp(text, again) != 0)
		return -EINVAL;
	*marks = parsed;
	return 0;
}
