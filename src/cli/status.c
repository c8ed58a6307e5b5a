/* SPDX-License-Identifier: GPL-2.0-or-later */
/* minivpn status [NAME] [--json]: the answer of the host process, on a page. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/config/settings.h"
#include "common/ipc/control_socket.h"

#define STATUS_TIMEOUT_MS 10000
/* No more clients than these are shown on lines of their own. */
#define CROWD_LINES 20
#define USAGE	    "status [NAME] [--json]"

/* These are the colours of a terminal (ECMA-48, SGR), "" for all else. */
struct page {
	const char *head, *label, *warning, *plain;
};

static struct page make_page(void)
{
	const char *term = getenv("TERM");

	if (isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term &&
	    strcmp(term, "dumb"))
		return (struct page){"\033[1;32m", "\033[1m", "\033[1;33m",
				     "\033[0m"};
	return (struct page){"", "", "", ""};
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void print_label(const struct page *page, int indent, const char *label)
{
	printf("%*s%s%s%s: ", indent, "", page->label, label, page->plain);
}

static void print_text(const struct page *page, int indent, const char *label,
		       const char *text)
{
	if (!*text)
		return;
	print_label(page, indent, label);
	printf("%s\n", text);
}

static void print_list(const struct page *page, int indent, const char *label,
		       const json_t *list)
{
	const char *comma = "";
	size_t i;
	json_t *item;

	if (!json_array_size(list))
		return;
	print_label(page, indent, label);
	json_array_foreach(list, i, item)
	{
		printf("%s%s", comma, json_string_value(item));
		comma = ", ";
	}
	printf("\n");
}

/* This prints "1 day, 2 hours, 3 minutes" or "4 seconds". */
static void print_duration(double seconds)
{
	const struct {
		const char *name;
		unsigned long seconds;
	} units[] = {
		{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
	unsigned long left = (unsigned long)seconds;
	const char *comma = "";

	for (size_t i = 0; i < 4; i++) {
		unsigned long count = left / units[i].seconds;

		left %= units[i].seconds;
		if (!count && !(i == 3 && !*comma))
			continue;
		printf("%s%lu %s%s", comma, count, units[i].name,
		       count == 1 ? "" : "s");
		comma = ", ";
	}
}

static void print_bytes(double bytes)
{
	static const char *const units[] = {"B",   "KiB", "MiB",
					    "GiB", "TiB", "PiB"};
	size_t unit = 0;

	for (; bytes >= 1024. && unit < 5; unit++)
		bytes /= 1024.;
	printf(unit ? "%.2f %s" : "%.0f %s", bytes, units[unit]);
}

static void print_transfer(const struct page *page, int indent,
			   const json_t *counters)
{
	print_label(page, indent, "transfer");
	print_bytes(number_of(counters, "rx_bytes"));
	printf(" received (%.0f packets), ", number_of(counters, "rx_packets"));
	print_bytes(number_of(counters, "tx_bytes"));
	printf(" sent (%.0f packets)\n", number_of(counters, "tx_packets"));
}

static void print_drops(const struct page *page, int indent, json_t *drops)
{
	const char *comma = "", *reason;
	json_t *count;

	json_object_foreach(drops, reason, count)
	{
		if (!json_integer_value(count))
			continue;
		if (!*comma)
			print_label(page, indent, "dropped");
		printf("%s%lld %s", comma, (long long)json_integer_value(count),
		       reason);
		comma = ", ";
	}
	if (*comma)
		printf("\n");
}

/* This prints "until 2026-12-01 12:00:00 UTC, expires in 3 days". */
static void print_certificate(const struct page *page, const json_t *object)
{
	json_t *date = json_object_get(object, "certificate_expires");
	time_t until = (time_t)json_integer_value(date);
	double left = difftime(until, time(NULL));
	char text[32];
	struct tm parts;

	if (!json_is_integer(date) || !gmtime_r(&until, &parts) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts))
		return;
	print_label(page, 2, "certificate");
	printf("until %s", text);
	if (left < 0.)
		printf(", %shas expired%s", page->warning, page->plain);
	else if (left < SETTINGS_EXPIRY_DAYS * 86400.)
		printf(", %sexpires in %d days%s", page->warning,
		       (int)(left / 86400.), page->plain);
	printf("\n");
}

/* "ECDHE-ECDSA AES-128-GCM, by GnuTLS" */
static void print_cipher(const struct page *page, const json_t *peer)
{
	const char *cipher = text_of(peer, "cipher");

	if (!*cipher)
		return;
	print_label(page, 2, "cipher");
	printf("%s, by %s\n", cipher, text_of(peer, "library"));
}

static void print_peer(const struct page *page, const char *kind, json_t *peer)
{
	const char *name = text_of(peer, "name");
	const char *host = text_of(peer, "host");

	printf("\n%s%s%s: %s\n", page->head, kind, page->plain,
	       *host ? host : name);
	if (*host)
		print_text(page, 2, "name", name);
	print_text(page, 2, "public key", text_of(peer, "key"));
	print_text(page, 2, "endpoint", text_of(peer, "endpoint"));
	print_list(page, 2, "addresses", json_object_get(peer, "addresses"));
	print_list(page, 2, "subnets", json_object_get(peer, "subnets"));
	if (!json_object_get(peer, "connected")) {
		print_text(page, 2, "session", "none");
		return;
	}
	print_label(page, 2, "connected");
	print_duration(number_of(peer, "connected"));
	printf("\n");
	print_label(page, 2, "last heard");
	print_duration(number_of(peer, "last_heard"));
	printf(" ago\n");
	if (json_is_number(json_object_get(peer, "rtt_ms"))) {
		print_label(page, 2, "round trip");
		printf("%.2f ms\n", number_of(peer, "rtt_ms"));
	}
	print_transfer(page, 2, peer);
	print_drops(page, 2, json_object_get(peer, "drops"));
	print_cipher(page, peer);
	if (json_is_true(json_object_get(peer, "runs_lost")))
		print_text(page, 2, "offload",
			   "UDP segmentation is off: what it cuts is lost on "
			   "the way (minivpn doctor)");
	print_certificate(page, peer);
}

static double transferred(const json_t *peer)
{
	return number_of(peer, "rx_bytes") + number_of(peer, "tx_bytes");
}

static int by_transfer(const void *a, const void *b)
{
	double x = transferred(*(json_t *const *)a);
	double y = transferred(*(json_t *const *)b);

	return (x < y) - (x > y);
}

/* A line of a list: alice  10.8.0.2  192.0.2.7:4433  2 seconds ago  ... */
static void print_client_line(json_t *client)
{
	const json_t *addresses = json_object_get(client, "addresses");
	const char *address = json_string_value(json_array_get(addresses, 0));

	printf("  %-20s  %-15s  %-21s  ", text_of(client, "name"),
	       address ? address : "", text_of(client, "endpoint"));
	print_duration(number_of(client, "last_heard"));
	printf(" ago, ");
	print_bytes(number_of(client, "rx_bytes"));
	printf(" received, ");
	print_bytes(number_of(client, "tx_bytes"));
	printf(" sent\n");
}

/*
 * Where a page has no room for all clients, it says how many they are, and has
 * a line for each of the busiest.
 */
static void print_crowd(const struct page *page, json_t *clients)
{
	size_t count = json_array_size(clients), i;
	json_t **sorted = calloc(count, sizeof(json_t *));
	json_t *client;

	printf("\n%sclients%s: %zu, the busiest first\n", page->head,
	       page->plain, count);
	if (!sorted)
		return;
	json_array_foreach(clients, i, client) sorted[i] = client;
	qsort(sorted, count, sizeof(*sorted), by_transfer);
	for (i = 0; i < CROWD_LINES; i++)
		print_client_line(sorted[i]);
	printf("  and %zu more: status --json has all\n", count - CROWD_LINES);
	free(sorted);
}

static void print_clients(const struct page *page, json_t *clients)
{
	json_t *client;
	size_t i;

	if (json_array_size(clients) > CROWD_LINES) {
		print_crowd(page, clients);
		return;
	}
	json_array_foreach(clients, i, client)
		print_peer(page, "client", client);
}

static void print_warnings(const struct page *page, json_t *list)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
		print_text(page, 2, "warning", json_string_value(item));
}

static void print_page(json_t *status)
{
	struct page page = make_page();
	json_t *clients = json_object_get(status, "clients");
	json_t *server = json_object_get(status, "server");
	json_t *item;
	size_t i;

	printf("%s%s%s: %s, %s\n", page.head, "tunnel", page.plain,
	       text_of(status, "name"), text_of(status, "role"));
	print_text(&page, 2, "state", text_of(status, "state"));
	print_label(&page, 2, "device");
	printf("%s, MTU %.0f\n", text_of(status, "device"),
	       number_of(status, "mtu"));
	print_text(&page, 2, "namespace", text_of(status, "namespace"));
	if (json_is_true(json_object_get(status, "noise")))
		print_text(&page, 2, "on the wire", "noise, by Secret");
	print_list(&page, 2, "addresses", json_object_get(status, "addresses"));
	print_list(&page, 2, "listening on", json_object_get(status, "listen"));
	print_certificate(&page, status);
	print_label(&page, 2, "up for");
	print_duration(number_of(status, "uptime"));
	printf("\n");
	print_transfer(&page, 2, json_object_get(status, "traffic"));
	print_drops(&page, 2, json_object_get(status, "drops"));
	print_warnings(&page, json_object_get(status, "warnings"));
	if (server)
		print_peer(&page, "server", server);
	print_clients(&page, clients);
	printf("\n%schanges to this host%s:\n", page.head, page.plain);
	json_array_foreach(json_object_get(status, "changes"), i, item)
		printf("  %s\n", json_string_value(item));
}

static int show(const char *name, bool as_json)
{
	json_t *answer, *status;
	const char *error;
	int result = CLI_DONE;
	int err = control_request(name, "status", STATUS_TIMEOUT_MS, &answer);

	if ((err == -ENOENT || err == -ECONNREFUSED) && control_is_closed(name))
		return cli_error("%s: is not up, and its kill switch is in "
				 "force: nothing leaves until minivpn down %s",
				 name, name);
	if ((err == -ENOENT || err == -ECONNREFUSED) &&
	    control_left_behind(name))
		return cli_error("%s: was killed: minivpn down %s puts back "
				 "what it left",
				 name, name);
	if (err == -ENOENT || err == -ECONNREFUSED)
		return cli_error("%s: is not up", name);
	if (err == -EACCES)
		return cli_error("status: not permitted: run it as root");
	if (err)
		return cli_error("%s: no answer: %s", name, strerror(-err));
	status = json_object_get(answer, "status");
	error = json_string_value(json_object_get(answer, "error"));
	if (!json_is_object(status)) {
		result = cli_error("%s: %s", name,
				   error ? error : "not an answer");
	} else if (as_json) {
		json_dumpf(status, stdout,
			   JSON_INDENT(2) | JSON_REAL_PRECISION(9));
		printf("\n");
	} else {
		print_page(status);
	}
	json_decref(answer);
	return result;
}

int cli_status(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{0},
	};
	bool as_json = false;
	char *name;
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return cli_unknown_option(argv[optind - 1], USAGE);
		as_json |= option == 'j';
	}
	if (argc - optind > 1)
		return cli_usage(USAGE);
	name = cli_tunnel(optind < argc ? argv[optind] : NULL);
	if (!name)
		return CLI_FAILED;
	status = show(name, as_json);
	free(name);
	return status;
}
