/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/ipc/traffic.h"

const char *drop_reason_name(enum drop_reason reason)
{
	static const char *const names[DROP_REASONS] = {
		[DROP_SOURCE] = "source",
		[DROP_NO_PEER] = "no_peer",
		[DROP_NOT_CLIENT] = "client_to_client",
		[DROP_NOT_CONNECTED] = "not_connected",
		[DROP_MALFORMED] = "malformed",
		[DROP_FORGED] = "forged",
		[DROP_REPLAYED] = "replayed",
		[DROP_STRANGER] = "stranger",
		[DROP_CONTROL] = "control",
		[DROP_SEND] = "send",
		[DROP_TOO_BIG] = "too_big",
		[DROP_LINK_LOCAL] = "link_local",
		[DROP_ECN] = "ecn",
	};

	return reason < DROP_REASONS ? names[reason] : "unknown";
}
