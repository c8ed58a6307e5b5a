/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SSH session that a command is run in, if any. */
#ifndef MINIVPN_CLI_SSH_SESSION_H
#define MINIVPN_CLI_SSH_SESSION_H

#include "common/config/config.h"

/* Says on stderr where the kill switch of that file would cut it off. */
void ssh_session_warn(const struct config *config);

#endif
