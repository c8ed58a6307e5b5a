/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The peer of an open session, judged once more. */
#include <errno.h>
#include <stdio.h>

#include "tunnel/session_private.h"

int session_judge(struct session *session, struct credentials *credentials,
		  char *reason, size_t size)
{
	struct identity identity;

	if (session->credentials == credentials)
		return 0;
	/* GnuTLS verifies by what the session has, and keeps a pointer to it.
	 */
	if (credentials_attach(credentials, session->tls)) {
		snprintf(reason, size, "its certificate can't be checked");
		return -EACCES;
	}
	credentials_keep(credentials);
	credentials_free(session->credentials);
	session->credentials = credentials;
	return credentials_check(credentials, session->tls,
				 session->server_host, &identity, reason, size);
}

bool session_is_of_another(const struct session *session,
			   const struct credentials *credentials)
{
	return session->credentials != credentials &&
	       !credentials_same_own(session->credentials, credentials);
}
