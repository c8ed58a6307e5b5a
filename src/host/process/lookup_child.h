/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that resolves names. It reads what anybody on the way can make
 * up, and so has nothing: a user of its own, an empty root directory, no
 * capability, no system calls but those that read, write and wait. All that it
 * needs, it is given open: /etc/hosts, and sockets that lead to name servers
 * and nowhere else.
 */
#ifndef MINIVPN_HOST_PROCESS_LOOKUP_CHILD_H
#define MINIVPN_HOST_PROCESS_LOOKUP_CHILD_H

#include <sys/types.h>

#include "host/process/user.h"

/*
 * Answers what host asks by fd, a lookup_request, with a lookup_answer, as that
 * user, and ends; in a new process, whose parent is parent.
 */
void lookup_child_main(int fd, const struct user *user, pid_t parent)
	__attribute__((noreturn));

#endif
