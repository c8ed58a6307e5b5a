/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/role/expiry.h"

#include <time.h>

#include "common/config/settings.h"
#include "common/log.h"
#include "tunnel/dtls/certificate.h"

#define DAY 86400

/* A certificate that ends soon, or has ended, gets a date and days left. */
static bool is_near(int64_t expires, char date[CERTIFICATE_DATE_SIZE],
		    int64_t *days)
{
	int64_t left = expires - time(NULL);

	if (!expires || left > (int64_t)SETTINGS_EXPIRY_DAYS * DAY)
		return false;
	*days = left > 0 ? left / DAY : -1;
	certificate_date(expires, date);
	return true;
}

void expiry_warn_own(const struct credentials *credentials,
		     const struct config *config)
{
	int64_t expires = credentials_expiry(credentials);
	char date[CERTIFICATE_DATE_SIZE];
	int64_t days;

	if (!is_near(expires, date, &days))
		return;
	if (days < 0)
		log_error("%s: has expired on %s: renew it, then minivpn "
			  "reload %s",
			  config->certificate, date, config->name);
	else
		log_warning("%s: expires on %s, in %lld days: renew it, then "
			    "minivpn reload %s",
			    config->certificate, date, (long long)days,
			    config->name);
}

void expiry_warn_peer(const char *name, int64_t expires)
{
	char date[CERTIFICATE_DATE_SIZE];
	int64_t days;

	if (!is_near(expires, date, &days))
		return;
	if (days < 0)
		log_warning("%s: its certificate has expired on %s: it can't "
			    "come again with that",
			    name, date);
	else
		log_warning("%s: its certificate expires on %s, in %lld days",
			    name, date, (long long)days);
}
