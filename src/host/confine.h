/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host process and the nursery give up once they are set up. The
 * janitor and whatever resolves names are forked from host after that, and have
 * no more. All of it is for good. Capabilities that we do not have in the first
 * place (a container's, a user namespace's) are done without; a filter of
 * system calls that can't be had is logged as a warning.
 */
#ifndef MINIVPN_HOST_CONFINE_H
#define MINIVPN_HOST_CONFINE_H

#include "common/config.h"
#include "tunnel/tunnel.h"

/*
 * Keeps CAP_NET_ADMIN. In addition, only where root needs it to get at files
 * that are not root's own: CAP_DAC_READ_SEARCH for the tunnel's file, which
 * `reload` reads, and CAP_DAC_OVERRIDE, CAP_CHOWN and CAP_FOWNER for the
 * resolver's. -errno.
 */
int confine_host(const struct config *config, const char *resolver);

/*
 * The same, and CAP_SYS_ADMIN, by which a network namespace is entered and
 * unmounted; its other uses the filter of system calls refuses. -errno.
 */
int confine_janitor(const struct config *config, const char *resolver);

/*
 * Keeps what takes a tunnel process into its sandbox, as the user and group in
 * arguments and no other, and ends it; where the PEM files are not root's own,
 * CAP_DAC_READ_SEARCH too. -errno.
 */
int confine_nursery(const struct tunnel_arguments *arguments);

/*
 * In a child of host that resolves names: no capabilities at all, nothing that
 * could be written, no sockets but of the network. -errno.
 */
int confine_resolver(void);

#endif
