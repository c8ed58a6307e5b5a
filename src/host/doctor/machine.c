/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What any tunnel needs of the machine. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "host/doctor/doctor.h"
#include "host/nft/forward_check.h"

#define TUN "/dev/net/tun"

/* The first versions without the DTLS reassembly faults of 2026. */
#define GNUTLS_FIXED	    "3.8.13"
#define GNUTLS_DEBIAN	    "3.7.9-2+deb12u"
#define GNUTLS_DEBIAN_FIXED 7

static void look_at_tun(const struct doctor *doctor)
{
	int fd = open(TUN, O_RDWR | O_CLOEXEC);
	unsigned features = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		doctor_find(doctor, DOCTOR_WRONG, "tun",
			    "no " TUN ": modprobe tun, or give the container "
			    "this device");
	else if (fd < 0)
		doctor_find(doctor, DOCTOR_WRONG, "tun",
			    TUN " can't be opened: %s", strerror(errno));
	if (fd < 0)
		return;
	ioctl(fd, TUNGETFEATURES, &features);
	close(fd);
	if (features & IFF_VNET_HDR)
		doctor_find(doctor, DOCTOR_FINE, "tun", TUN ", with offloads");
	else
		doctor_find(doctor, DOCTOR_NOTE, "tun",
			    "this kernel's tun has no offloads: it works, but "
			    "slower");
}

static void look_at_privileges(const struct doctor *doctor)
{
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
		doctor_find(doctor, DOCTOR_FINE, "privileges", "CAP_NET_ADMIN");
	else
		doctor_find(doctor, DOCTOR_WRONG, "privileges",
			    "up needs CAP_NET_ADMIN: run it, and this, as "
			    "root: sudo minivpn ...");
}

static void look_at_udp(const struct doctor *doctor)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;
	bool has = fd >= 0 &&
		   !setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one)) &&
		   !setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &one, sizeof(one));

	if (fd >= 0)
		close(fd);
	if (has)
		doctor_find(doctor, DOCTOR_FINE, "UDP", "with offloads");
	else
		doctor_find(doctor, DOCTOR_NOTE, "UDP",
			    "this kernel has no UDP_SEGMENT or UDP_GRO (Linux "
			    "5.0): it works, but slower");
}

static void look_at_seccomp(const struct doctor *doctor)
{
	/* EFAULT: it knows the mode, and has looked for a filter at NULL. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) < 0 &&
	    errno == EFAULT)
		return;
	doctor_find(doctor, DOCTOR_WRONG, "seccomp",
		    "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)"
		    ", without which the tunnel process is not started");
}

static void pass(void *data, const struct nft_obstacle *obstacle)
{
	(void)data;
	(void)obstacle;
}

static void look_at_nftables(const struct doctor *doctor)
{
	static const struct nft_view view;
	int err = nft_forward_find(&view, pass, NULL);

	if (err == -EPROTONOSUPPORT)
		doctor_find(doctor, DOCTOR_WRONG, "nf_tables",
			    "this kernel has none, so neither NAT nor "
			    "KillSwitch can be: modprobe nf_tables");
	else if (!err)
		doctor_find(doctor, DOCTOR_FINE, "nf_tables", "there");
}

/* The version of a Debian package, as dpkg has it; false: not known. */
static bool debian_version(const char *package, char *version, size_t size)
{
	FILE *file = fopen("/var/lib/dpkg/status", "re");
	char line[256], head[64];
	bool inside = false, found = false;

	if (!file)
		return false;
	snprintf(head, sizeof(head), "Package: %s\n", package);
	while (!found && fgets(line, sizeof(line), file)) {
		if (strcmp(line, head) == 0)
			inside = true;
		else if (line[0] == '\n')
			inside = false;
		else if (inside && strncmp(line, "Version: ", 9) == 0)
			found = true;
	}
	fclose(file);
	if (found)
		snprintf(version, size, "%.*s", (int)strcspn(line + 9, "\n"),
			 line + 9);
	return found;
}

static void look_at_gnutls(const struct doctor *doctor)
{
	const size_t length = strlen(GNUTLS_DEBIAN);
	const char *upstream = gnutls_check_version(NULL);
	char version[64];

	if (gnutls_check_version(GNUTLS_FIXED)) {
		doctor_find(doctor, DOCTOR_FINE, "GnuTLS", "%s", upstream);
		return;
	}
	if (!debian_version("libgnutls30", version, sizeof(version)))
		snprintf(version, sizeof(version), "%s", upstream);
	if (strncmp(version, GNUTLS_DEBIAN, length) == 0 &&
	    strtol(version + length, NULL, 10) >= GNUTLS_DEBIAN_FIXED)
		doctor_find(doctor, DOCTOR_FINE, "GnuTLS", "%s", version);
	else
		doctor_find(doctor, DOCTOR_NOTE, "GnuTLS",
			    "%s has known faults in DTLS, unless whoever built "
			    "it has mended them: " GNUTLS_FIXED
			    " has, and Debian 12's " GNUTLS_DEBIAN
			    "%d: apt upgrade",
			    version, GNUTLS_DEBIAN_FIXED);
}

/* Only certificates have dates, but a file from the future tells it as well. */
static void look_at_clock(const struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct timex state = {0};
	struct stat file;

	if (config && !stat(config->path, &file) &&
	    difftime(file.st_mtime, time(NULL)) > 86400.) {
		doctor_find(doctor, DOCTOR_WRONG, "clock",
			    "it is behind: %s was written in its future: set "
			    "it, and certificates will be valid",
			    config->path);
		return;
	}
	if (config && config->identity == CONFIG_X509 &&
	    adjtimex(&state) == TIME_ERROR)
		doctor_find(doctor, DOCTOR_NOTE, "clock",
			    "nothing keeps it right (NTP), and certificates "
			    "depend on it: timedatectl set-ntp true");
}

void doctor_machine(const struct doctor *doctor)
{
	look_at_tun(doctor);
	look_at_privileges(doctor);
	look_at_udp(doctor);
	look_at_seccomp(doctor);
	look_at_nftables(doctor);
	look_at_gnutls(doctor);
	look_at_clock(doctor);
}
