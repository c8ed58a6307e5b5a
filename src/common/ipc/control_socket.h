/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: how `down`, `status`, `reload` and `add` speak to a
 * running tunnel. RUNDIR/NAME.sock, a stream socket that only root can open;
 * one request a connection, a JSON object in one line, and one answer:
 *   {"request":"status"}   ->   {"ok":true,"status":{...}}
 *                               {"ok":false,"error":"what: why"}
 *   {"request":"disconnect","peer":"NAME"}
 *   {"request":"rates"}    ->   the same, with a few fields of each client
 * Also where a running tunnel's files are.
 */
#ifndef MINIVPN_COMMON_IPC_CONTROL_SOCKET_H
#define MINIVPN_COMMON_IPC_CONTROL_SOCKET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/reason.h"

/* Requests are short; longer ones are refused. */
#define CONTROL_REQUEST_SIZE 256

/* $MINIVPN_RUNDIR or /run/minivpn; $MINIVPN_STATEDIR or /var/lib/minivpn. */
const char *control_rundir(void);
const char *control_statedir(void);

/* RUNDIR/NAME.SUFFIX; -ENAMETOOLONG. */
int control_path(char *path, size_t size, const char *name, const char *suffix);

/* There is a journal: where nobody answers, a run was killed. */
bool control_left_behind(const char *name);

/* All that is left is a kill switch: it has ended by an error, or at boot. */
bool control_is_closed(const char *name);

/* Makes a directory (0700) where it is missing. */
int control_make_directory(const char *path);

/* The same for one that has to be root's alone: -EPERM as owned_check(). */
int control_claim_directory(const char *path);

/*
 * -EPERM where RUNDIR or STATEDIR can be changed by others: nothing in there is
 * to be believed. A directory that is missing is none of theirs.
 */
int control_check_directories(struct reason *reason);

/*
 * The names of all tunnels that have a control socket or a journal here,
 * sorted; malloc'd array of malloc'd strings. Whether each is alive is not
 * known. -errno where RUNDIR can't be read; no RUNDIR: none.
 */
int control_list(char ***names, size_t *count);
void control_list_free(char **names, size_t count);

/*
 * Asks the tunnel NAME and waits up to timeout_ms for its answer, a new
 * reference. -ENOENT or -ECONNREFUSED: it is not up; -EACCES; -ETIMEDOUT;
 * -EPROTO. -EPERM: others can change RUNDIR, and would answer.
 */
int control_request(const char *name, const char *request, int timeout_ms,
		    json_t **answer);
/* The same about a peer, which is a name by config_name_valid(). */
int control_request_peer(const char *name, const char *request,
			 const char *peer, int timeout_ms, json_t **answer);

#endif
