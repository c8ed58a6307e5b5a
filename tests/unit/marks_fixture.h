/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tests of the table of marks share this one, a client's. */
#ifndef MINIVPN_TESTS_MARKS_FIXTURE_H
#define MINIVPN_TESTS_MARKS_FIXTURE_H

#include <string.h>

#include "host/nft/marks.h"

#define MARK 0x4d0000ffU

/* inbound: with what comes in from others, too. */
static inline struct nft_marks make(bool inbound)
{
	struct nft_marks marks = {
		.table = "minivpn.marks-client",
		.mark = MARK,
		.inbound = inbound,
	};

	if (inbound) {
		strcpy(marks.device, "tun0");
		marks.ports[0] = 32768;
		marks.ports[1] = 60999;
	}
	return marks;
}

#endif
