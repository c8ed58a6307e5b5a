/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host process and the launcher give up once they are set up. The
 * janitor is forked from host after that, and has no more. All of it is for
 * good. Capabilities that we do not have in the first
 * place (a container's, a user namespace's) are done without; a filter of
 * system calls that can't be had is logged as a warning.
 */
#ifndef MINIVPN_HOST_PROCESS_CONFINE_H
#define MINIVPN_HOST_PROCESS_CONFINE_H

#include "common/config/config.h"
#include "host/process/user.h"
#include "tunnel/tunnel.h"

/*
 * Keeps CAP_NET_ADMIN. In addition, only where root needs it to get at files
 * that are not root's own: CAP_DAC_READ_SEARCH for the tunnel's file, which
 * `reload` reads, and CAP_DAC_OVERRIDE, CAP_CHOWN and CAP_FOWNER for the
 * resolv.conf. -errno.
 */
int confine_host(const struct config *config, const char *resolv_conf);

/*
 * The same, and CAP_SYS_ADMIN, by which a network namespace is entered and
 * unmounted; its other uses the filter of system calls refuses. -errno.
 */
int confine_janitor(const struct config *config, const char *resolv_conf);

/*
 * Keeps what takes a tunnel process into its sandbox, as the user and group in
 * arguments and no other, or one that resolves names into its own, as the user
 * lookup, and ends them; where the PEM files are not root's own,
 * CAP_DAC_READ_SEARCH too. -errno.
 */
int confine_launcher(const struct tunnel_arguments *arguments,
		     const struct user *lookup);

/*
 * In a child of the launcher that resolves names, and of doctor that tries a
 * handshake: that user, where it is to be had, an empty root directory, no
 * capability, and no system calls but those by which it reads, writes and
 * waits. It dies with its parent. -errno.
 */
int confine_lookup(const struct user *user, pid_t parent);

#endif
