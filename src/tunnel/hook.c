/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/hook.h"

void tunnel_hook(struct tunnel *tunnel, const struct channel_message *message)
{
	(void)tunnel;
	(void)message;
}
