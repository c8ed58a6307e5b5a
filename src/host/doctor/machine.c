/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What any tunnel needs of the machine, and of its networks. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "host/doctor/doctor_internal.h"
#include "host/nft/forward_check.h"

#define TUN "/dev/net/tun"

/* These are the first versions without the DTLS reassembly faults of 2026. */
#define GNUTLS_FIXED	    "3.8.13"
#define GNUTLS_DEBIAN	    "3.7.9-2+deb12u"
#define GNUTLS_DEBIAN_FIXED 7

static void check_tun(const struct doctor *doctor)
{
	int fd = open(TUN, O_RDWR | O_CLOEXEC);
	unsigned features = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		doctor_find_remedy(doctor, "tun", "modprobe tun",
				   "no " TUN ": modprobe tun, or give the "
				   "container this device");
	else if (fd < 0)
		doctor_find(doctor, DOCTOR_WRONG, "tun",
			    TUN " can't be opened: %s%s", strerror(errno),
			    geteuid() == 0 ? ": give it to the container "
					     "(--device " TUN ")"
					   : "");
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

static void check_privileges(const struct doctor *doctor)
{
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
		doctor_find(doctor, DOCTOR_FINE, "privileges", "CAP_NET_ADMIN");
	else if (geteuid() != 0)
		doctor_find(doctor, DOCTOR_WRONG, "privileges",
			    "up needs CAP_NET_ADMIN: run it, and this, as "
			    "root: sudo minivpn ...");
	else
		doctor_find(doctor, DOCTOR_WRONG, "privileges",
			    "up needs CAP_NET_ADMIN, which root does not have "
			    "here: give it to the container (docker or podman "
			    "run --cap-add NET_ADMIN --device /dev/net/tun "
			    "...)");
}

static void check_udp(const struct doctor *doctor)
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

static void check_seccomp(const struct doctor *doctor)
{
	/* EFAULT: it knows the mode, and has looked for a filter at NULL. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) < 0 &&
	    errno == EFAULT)
		return;
	doctor_find(doctor, DOCTOR_NOTE, "seccomp",
		    "this kernel, or container, has no filters of system calls "
		    "(CONFIG_SECCOMP_FILTER): the tunnel process works without "
		    "one, and a hole in it is worth more to an attacker");
}

static void pass(void *data, const struct nft_obstacle *obstacle)
{
	(void)data;
	(void)obstacle;
}

static void check_nftables(const struct doctor *doctor)
{
	static const struct nft_view view;
	int err = nft_forward_find(&view, pass, NULL);

	if (err == -EPROTONOSUPPORT)
		doctor_find_remedy(doctor, "nf_tables", "modprobe nf_tables",
				   "this kernel has none, so neither NAT nor "
				   "KillSwitch can be: modprobe nf_tables");
	else if (!err)
		doctor_find(doctor, DOCTOR_FINE, "nf_tables", "there");
}

/*
 * The version of GnuTLS's package, as Debian has it: upstream's own does not
 * say which faults the distribution has mended. False: not known.
 */
static bool debian_version(char *version, size_t size)
{
	/* The package's name has an ending since Debian 13. */
	char *const argv[] = {"dpkg-query",   "-W",	      "-f",
			      "${Version}\n", "libgnutls30*", NULL};
	char *const envp[] = {"LC_ALL=C", NULL};
	posix_spawn_file_actions_t actions;
	bool found = false;
	int ends[2];
	FILE *file;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
					 O_WRONLY, 0);
	if (posix_spawn(&pid, "/usr/bin/dpkg-query", &actions, NULL, argv,
			envp))
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	file = fdopen(ends[0], "r");
	if (!file)
		close(ends[0]);
	/* An empty line is of a package that was removed. */
	while (file && !found && fgets(version, (int)size, file)) {
		version[strcspn(version, "\n")] = '\0';
		found = *version;
	}
	if (file)
		fclose(file);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return found;
}

static void check_gnutls(const struct doctor *doctor)
{
	const size_t length = strlen(GNUTLS_DEBIAN);
	const char *upstream = gnutls_check_version(NULL);
	char version[64];

	if (gnutls_check_version(GNUTLS_FIXED)) {
		doctor_find(doctor, DOCTOR_FINE, "GnuTLS", "%s", upstream);
		return;
	}
	if (!debian_version(version, sizeof(version)))
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
static void check_clock(const struct doctor *doctor)
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
	check_tun(doctor);
	check_privileges(doctor);
	check_udp(doctor);
	check_seccomp(doctor);
	check_nftables(doctor);
	check_gnutls(doctor);
	check_clock(doctor);
}

static unsigned prefix_length(const struct sockaddr *mask)
{
	const uint8_t *bytes;
	unsigned length = 0;
	size_t size;

	if (mask->sa_family == AF_INET) {
		bytes = (const void *)&((const struct sockaddr_in *)mask)
				->sin_addr;
		size = 4;
	} else {
		bytes = (const void *)&((const struct sockaddr_in6 *)mask)
				->sin6_addr;
		size = 16;
	}
	for (size_t i = 0; i < size; i++)
		length += (unsigned)__builtin_popcount(bytes[i]);
	return length;
}

/*
 * This reads the network of an address of this host, or returns false where it
 * does not count.
 */
static bool read_network(const struct ifaddrs *entry, const char *tunnel,
			 struct inet_prefix *network)
{
	struct inet_endpoint endpoint;

	if (!entry->ifa_addr || !entry->ifa_netmask ||
	    entry->ifa_flags & IFF_LOOPBACK ||
	    strcmp(entry->ifa_name, tunnel) == 0 ||
	    inet_endpoint_from_sockaddr(entry->ifa_addr, &endpoint))
		return false;
	network->address = endpoint.address;
	network->length = (uint8_t)prefix_length(entry->ifa_netmask);
	*network = inet_prefix_network(network);
	return true;
}

static bool check_overlap(const struct doctor *doctor,
			  const struct ifaddrs *entry,
			  const struct inet_prefix *network,
			  const struct inet_prefix *ours, const char *what)
{
	char here[INET_PREFIX_TEXT], there[INET_PREFIX_TEXT];
	struct inet_prefix wanted = inet_prefix_network(ours);

	/* All traffic is meant, and the own network is not part of it. */
	if (!wanted.address.family || !wanted.length ||
	    !inet_prefix_overlaps(&wanted, network))
		return false;
	inet_format_prefix(network, here, sizeof(here));
	inet_format_prefix(&wanted, there, sizeof(there));
	doctor_find(doctor, DOCTOR_WRONG, "networks",
		    "%s (%s of the file) is also the network of %s here (%s): "
		    "one of the two has to change, or hosts of one can't be "
		    "reached",
		    there, what, entry->ifa_name, here);
	return true;
}

void doctor_overlaps(const struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct inet_prefix network;
	struct ifaddrs *list;
	bool found = false;

	/* The tunnel's ends are not in the same place then. */
	if (config->network_namespace || getifaddrs(&list) < 0)
		return;
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!read_network(i, config->device, &network))
			continue;
		found |= check_overlap(doctor, i, &network, &config->address4,
				       "Address");
		found |= check_overlap(doctor, i, &network, &config->address6,
				       "Address");
		for (size_t j = 0; j < config->route_count; j++) {
			if (config->role == CONFIG_CLIENT)
				found |= check_overlap(doctor, i, &network,
						       &config->routes[j],
						       "Routes");
		}
	}
	freeifaddrs(list);
	if (!found)
		doctor_find(doctor, DOCTOR_FINE, "networks",
			    "none of the file is here already");
}
