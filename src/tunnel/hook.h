/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A place for tests, and for nothing else: the program has a function that does
 * nothing, in a file of its own. A test program that brings a function of this
 * name has it called instead, in the tunnel process, after the sandbox.
 */
#ifndef MINIVPN_TUNNEL_HOOK_H
#define MINIVPN_TUNNEL_HOOK_H

#include "tunnel/tunnel_internal.h"

/* With each message of the host process, before it is looked at. */
void tunnel_hook(struct tunnel *tunnel, const struct channel_message *message);

#endif
