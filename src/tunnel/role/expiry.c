/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/role/expiry.h"

#include <time.h>

#include "common/config/settings.h"
#include "tunnel/dtls/certificate.h"

#define DAY 86400

/* Its end in words where it is near, and has not been. */
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

void expiry_warn_own(const struct tunnel *tunnel)
{
	int64_t expires = credentials_expiry(tunnel->credentials);
	char date[CERTIFICATE_DATE_SIZE];
	int64_t days;

	if (!is_near(expires, date, &days))
		return;
	if (days < 0)
		log_error("%s: has expired on %s: renew it, then minivpn "
			  "reload %s",
			  tunnel->config->certificate, date,
			  tunnel->config->name);
	else
		log_warning("%s: expires on %s, in %lld days: renew it, then "
			    "minivpn reload %s",
			    tunnel->config->certificate, date, (long long)days,
			    tunnel->config->name);
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

static void daily(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct tunnel *tunnel = timer->data;

	(void)loop;
	(void)events;
	expiry_warn_own(tunnel);
	credentials_warn(tunnel->credentials, tunnel->config);
	tunnel->role->expiring(tunnel->state);
}

void expiry_start(struct tunnel *tunnel)
{
	expiry_warn_own(tunnel);
	ev_timer_init(&tunnel->daily, daily, DAY, DAY);
	tunnel->daily.data = tunnel;
	ev_timer_start(tunnel->loop, &tunnel->daily);
}
