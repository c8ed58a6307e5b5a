/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of versions of the kernel, where nothing shows it but them. */
#ifndef MINIVPN_COMMON_KERNEL_H
#define MINIVPN_COMMON_KERNEL_H

#include <stdbool.h>

/*
 * Linux 7.0.0 to 7.1.4: runs whose datagrams are all of one length
 * (UDP_SEGMENT) are damaged on their way out. False as well where uname(2) is
 * not allowed.
 */
bool kernel_damages_runs(void);

/* The same of the text of a version, "7.1.3-2-amd64". */
bool kernel_version_damages_runs(const char *release);

#endif
