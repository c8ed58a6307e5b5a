/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The peer of an open session, judged once more. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "tunnel/dtls/session_internal.h"

static int check_again(struct session *session, char *reason, size_t size)
{
	struct identity identity;
	int err = credentials_check(session->credentials, session->tls,
				    session->server_host, &identity, reason,
				    size);

	if (!err)
		session->identity.valid_until = identity.valid_until;
	return err;
}

int session_reverify(struct session *session, struct credentials *credentials,
		     char *reason, size_t size)
{
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
	return check_again(session, reason, size);
}

int session_recheck(struct session *session, char *reason, size_t size)
{
	int64_t until = session->identity.valid_until;

	return until && time(NULL) > until ? check_again(session, reason, size)
					   : 0;
}

int64_t session_valid_until(const struct session *session)
{
	return session->identity.valid_until;
}

bool session_is_of_another(const struct session *session,
			   const struct credentials *credentials)
{
	return session->credentials != credentials &&
	       !credentials_same_own(session->credentials, credentials);
}
