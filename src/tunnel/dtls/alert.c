/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/alert.h"

#include <errno.h>
#include <stdio.h>

#include "common/reason.h"

gnutls_alert_description_t alert_for_refusal(int err)
{
	switch (err) {
	case -EKEYEXPIRED:
		return GNUTLS_A_CERTIFICATE_EXPIRED;
	case -EKEYREVOKED:
		return GNUTLS_A_CERTIFICATE_REVOKED;
	case -ENOKEY:
		return GNUTLS_A_UNKNOWN_CA;
	case -EKEYREJECTED:
		return GNUTLS_A_ACCESS_DENIED;
	default:
		return GNUTLS_A_BAD_CERTIFICATE;
	}
}

gnutls_alert_description_t alert_for_failure(int code)
{
	int alert, level;

	/* GnuTLS has decode_error for it, RFC 5246 (section 7.4.6) this one. */
	if (code == GNUTLS_E_NO_CERTIFICATE_FOUND)
		return GNUTLS_A_HANDSHAKE_FAILURE;
	alert = gnutls_error_to_alert(code, &level);
	return alert < 0 ? GNUTLS_A_INTERNAL_ERROR
			 : (gnutls_alert_description_t)alert;
}

static const char *denied(bool by_server, bool by_key)
{
	if (by_server)
		return by_key ? "the server refuses our key: it is not in its "
				"file"
			      : "the server refuses our certificate: its name "
				"is not in its file";
	return by_key ? "the client refuses our key: its file has another "
			"ServerKey"
		      : "the client refuses our certificate";
}

/* The peer says by these alerts what is wrong with our certificate. */
static const char *blame(gnutls_alert_description_t alert)
{
	switch (alert) {
	case GNUTLS_A_CERTIFICATE_EXPIRED:
		return "it is expired or not valid yet";
	case GNUTLS_A_CERTIFICATE_REVOKED:
		return "it is revoked";
	case GNUTLS_A_UNKNOWN_CA:
		return "it is not signed by its CA";
	case GNUTLS_A_BAD_CERTIFICATE:
		return "it is not valid, or for another name or purpose";
	case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
		return "its kind is not supported";
	case GNUTLS_A_RECORD_OVERFLOW:
		return "with those of its CAs it is too long";
	case GNUTLS_A_CERTIFICATE_UNKNOWN:
		return "it is not acceptable";
	default:
		return NULL;
	}
}

int alert_explain(gnutls_alert_description_t alert, bool by_server, bool by_key,
		  struct reason *reason)
{
	const char *who = by_server ? "server" : "client";
	const char *why = blame(alert), *name;

	if (alert == GNUTLS_A_ACCESS_DENIED) {
		reason_set(reason, "%s", denied(by_server, by_key));
		return -EPERM;
	}
	if (why) {
		reason_set(reason, "the %s refuses our certificate: %s", who,
			   why);
		return -EPERM;
	}
	if (alert == GNUTLS_A_CLOSE_NOTIFY || alert == GNUTLS_A_USER_CANCELED) {
		reason_set(reason, "closed by the %s", who);
		return -ECONNRESET;
	}
	name = gnutls_alert_get_name(alert);
	reason_set(reason, "the %s broke off: %s", who,
		   name ? name : "an unknown alert");
	return -EPROTO;
}
