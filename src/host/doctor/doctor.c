/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/doctor/doctor.h"

#include <net/if.h>
#include <time.h>

#include "common/log.h"
#include "common/reason.h"
#include "host/doctor/doctor_internal.h"
#include "tunnel/dtls/credentials.h"

static void check_device(const struct doctor *doctor)
{
	const char *device = doctor->config->device;

	/* A tunnel in a namespace has its device there, not here. */
	if (doctor->up || doctor->config->network_namespace ||
	    !if_nametoindex(device))
		return;
	doctor_find(doctor, DOCTOR_WRONG, "device",
		    "%s is there already, and not by this tunnel: give another "
		    "Device in the file, or take it away",
		    device);
}

struct warnings {
	const struct doctor *doctor;
	unsigned count;
};

/* What up only warns of, the other end refuses: not yet valid, revoked ... */
static void take_warning(void *data, enum log_level level, const char *line)
{
	struct warnings *warnings = data;

	(void)level;
	warnings->count++;
	doctor_find(warnings->doctor, DOCTOR_WRONG, "certificate", "%s", line);
}

/* A certificate has to be readable, of that key, of that CA, and valid now. */
static void check_certificate(const struct doctor *doctor)
{
	struct warnings warnings = {doctor, 0};
	struct credentials *credentials;
	struct reason reason = {0};
	double left;
	int err;

	if (doctor->config->identity != CONFIG_X509)
		return;
	log_set_sink(take_warning, &warnings);
	err = credentials_new(&credentials, doctor->config, &reason);
	log_set_sink(NULL, NULL);
	if (err) {
		doctor_find(doctor, DOCTOR_WRONG, "certificate", "%s",
			    reason.text);
		return;
	}
	left = difftime((time_t)credentials_expiry(credentials), time(NULL));
	credentials_free(credentials);
	if (left < SETTINGS_EXPIRY_DAYS * 86400.)
		doctor_find(doctor, DOCTOR_NOTE, "certificate",
			    "it expires in %d days: renew it, then minivpn "
			    "reload %s",
			    (int)(left / 86400.), doctor->config->name);
	else if (!warnings.count)
		doctor_find(doctor, DOCTOR_FINE, "certificate",
			    "valid for another %d days", (int)(left / 86400.));
}

void doctor_examine(const struct doctor *doctor)
{
	doctor_machine(doctor);
	if (!doctor->config)
		return;
	check_device(doctor);
	check_certificate(doctor);
	doctor_overlaps(doctor);
	if (doctor->config->role == CONFIG_SERVER)
		doctor_server(doctor);
	else
		doctor_client(doctor);
}
