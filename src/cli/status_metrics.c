/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/status_metrics.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct metrics {
	FILE *out;
	enum status_metrics_format format;
	const char *tunnel;
};

enum kind { COUNTER, GAUGE };

/* One of the metrics, and where its value is in an object of the status. */
struct family {
	const char *name; /* a counter's without _total */
	enum kind kind;
	const char *unit; /* with which the name ends, or NULL */
	const char *help;
	const char *object; /* in which the field is, or NULL */
	const char *field;
	double scale; /* of the field, to the unit */
};

static const struct family of_tunnel[] = {
	{"minivpn_uptime_seconds", GAUGE, "seconds",
	 "Since the tunnel first came up.", NULL, "uptime", 1.},
	{"minivpn_mtu_bytes", GAUGE, "bytes", "MTU of the tun device.", NULL,
	 "mtu", 1.},
	{"minivpn_certificate_expiry_timestamp_seconds", GAUGE, "seconds",
	 "When the certificate of this end expires.", NULL,
	 "certificate_expires", 1.},
	{"minivpn_received_bytes", COUNTER, "bytes",
	 "Inner packets from the other ends, since the tunnel process began.",
	 "traffic", "rx_bytes", 1.},
	{"minivpn_sent_bytes", COUNTER, "bytes",
	 "Inner packets to the other ends, since the tunnel process began.",
	 "traffic", "tx_bytes", 1.},
	{"minivpn_received_packets", COUNTER, "packets",
	 "Inner packets from the other ends, since the tunnel process began.",
	 "traffic", "rx_packets", 1.},
	{"minivpn_sent_packets", COUNTER, "packets",
	 "Inner packets to the other ends, since the tunnel process began.",
	 "traffic", "tx_packets", 1.},
};

static const struct family of_server[] = {
	{"minivpn_server_round_trip_seconds", GAUGE, "seconds",
	 "Round trip to the server of this client.", NULL, "rtt_ms", 1e-3},
	{"minivpn_server_last_heard_seconds", GAUGE, "seconds",
	 "Since anything came from the server of this client.", NULL,
	 "last_heard", 1.},
};

static const struct family of_client[] = {
	{"minivpn_client_connected_seconds", GAUGE, "seconds",
	 "Since the session of a client began.", NULL, "connected", 1.},
	{"minivpn_client_last_heard_seconds", GAUGE, "seconds",
	 "Since anything came from a client.", NULL, "last_heard", 1.},
	{"minivpn_client_round_trip_seconds", GAUGE, "seconds",
	 "Round trip to a client.", NULL, "rtt_ms", 1e-3},
	{"minivpn_client_received_bytes", COUNTER, "bytes",
	 "Inner packets from a client, in all its sessions.", "total",
	 "rx_bytes", 1.},
	{"minivpn_client_sent_bytes", COUNTER, "bytes",
	 "Inner packets to a client, in all its sessions.", "total", "tx_bytes",
	 1.},
	{"minivpn_client_received_packets", COUNTER, "packets",
	 "Inner packets from a client, in all its sessions.", "total",
	 "rx_packets", 1.},
	{"minivpn_client_sent_packets", COUNTER, "packets",
	 "Inner packets to a client, in all its sessions.", "total",
	 "tx_packets", 1.},
};

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static void print_head(const struct metrics *metrics, const char *name,
		       enum kind kind, const char *unit, const char *help)
{
	bool strict = metrics->format == STATUS_METRICS_OPENMETRICS;
	const char *suffix = kind == COUNTER && !strict ? "_total" : "";

	fprintf(metrics->out, "# HELP %s%s %s\n", name, suffix, help);
	fprintf(metrics->out, "# TYPE %s%s %s\n", name, suffix,
		kind == COUNTER ? "counter" : "gauge");
	if (unit && strict)
		fprintf(metrics->out, "# UNIT %s %s\n", name, unit);
}

/* A name may be whatever a certificate has as its CN. */
static void print_label(FILE *out, const char *label, const char *value)
{
	fprintf(out, "%s=\"", label);
	for (; *value; value++) {
		if (*value == '\n') {
			fputs("\\n", out);
			continue;
		}
		if (*value == '"' || *value == '\\')
			putc('\\', out);
		putc(*value, out);
	}
	putc('"', out);
}

/* label: beside the tunnel's name, or NULL. */
static void print_series(const struct metrics *metrics, const char *name,
			 enum kind kind, const char *label, const char *value)
{
	fprintf(metrics->out, "%s%s{", name, kind == COUNTER ? "_total" : "");
	print_label(metrics->out, "tunnel", metrics->tunnel);
	if (label) {
		putc(',', metrics->out);
		print_label(metrics->out, label, value);
	}
	fputs("} ", metrics->out);
}

static const json_t *value_of(const struct family *family, const json_t *object)
{
	if (family->object)
		object = json_object_get(object, family->object);
	return json_object_get(object, family->field);
}

/* Nothing where the object does not have it. */
static void print_value(const struct metrics *metrics,
			const struct family *family, const json_t *object,
			const char *label, const char *label_value)
{
	const json_t *value = value_of(family, object);

	if (!json_is_number(value))
		return;
	print_series(metrics, family->name, family->kind, label, label_value);
	if (json_is_integer(value))
		fprintf(metrics->out, "%lld\n",
			(long long)json_integer_value(value));
	else
		fprintf(metrics->out, "%.6f\n",
			json_number_value(value) * family->scale);
}

static void print_families(const struct metrics *metrics,
			   const struct family *list, size_t count,
			   const json_t *object)
{
	for (size_t i = 0; i < count; i++) {
		if (!json_is_number(value_of(&list[i], object)))
			continue;
		print_head(metrics, list[i].name, list[i].kind, list[i].unit,
			   list[i].help);
		print_value(metrics, &list[i], object, NULL, NULL);
	}
}

static void print_number(const struct metrics *metrics, const char *name,
			 const char *help, size_t number)
{
	print_head(metrics, name, GAUGE, NULL, help);
	print_series(metrics, name, GAUGE, NULL, NULL);
	fprintf(metrics->out, "%zu\n", number);
}

static void print_drops(const struct metrics *metrics, const json_t *status)
{
	static const char name[] = "minivpn_dropped_packets";
	json_t *drops = json_object_get(status, "drops"), *count;
	const char *reason;

	print_head(metrics, name, COUNTER, "packets",
		   "Packets that were dropped, since the tunnel process "
		   "began.");
	json_object_foreach(drops, reason, count)
	{
		print_series(metrics, name, COUNTER, "reason", reason);
		fprintf(metrics->out, "%lld\n",
			(long long)json_integer_value(count));
	}
}

static double carried(const json_t *client)
{
	const json_t *total = json_object_get(client, "total");

	return json_number_value(json_object_get(total, "rx_bytes")) +
	       json_number_value(json_object_get(total, "tx_bytes"));
}

static int by_carried(const void *a, const void *b)
{
	double x = carried(*(json_t *const *)a);
	double y = carried(*(json_t *const *)b);

	return (x < y) - (x > y);
}

static const char *name_of(const json_t *client)
{
	const char *name = json_string_value(json_object_get(client, "name"));

	return name ? name : "";
}

static void print_clients(const struct metrics *metrics, const json_t *clients)
{
	size_t count = json_array_size(clients), shown = count;
	json_t **sorted = calloc(count + 1, sizeof(*sorted));

	for (size_t i = 0; sorted && i < count; i++)
		sorted[i] = json_array_get(clients, i);
	if (sorted)
		qsort(sorted, count, sizeof(*sorted), by_carried);
	if (shown > STATUS_METRICS_CLIENTS || !sorted)
		shown = sorted ? STATUS_METRICS_CLIENTS : 0;
	print_number(metrics, "minivpn_clients", "Clients that are connected.",
		     count);
	print_number(metrics, "minivpn_clients_left_out",
		     "Of these, such as have no metrics of their own here.",
		     count - shown);
	for (size_t i = 0; shown && i < COUNT(of_client); i++) {
		print_head(metrics, of_client[i].name, of_client[i].kind,
			   of_client[i].unit, of_client[i].help);
		for (size_t j = 0; j < shown; j++)
			print_value(metrics, &of_client[i], sorted[j], "client",
				    name_of(sorted[j]));
	}
	free(sorted);
}

void status_metrics_print(FILE *out, enum status_metrics_format format,
			  const char *tunnel, const json_t *status)
{
	const struct metrics metrics = {out, format, tunnel};
	const char *state = json_string_value(json_object_get(status, "state"));
	const json_t *clients = json_object_get(status, "clients");

	print_number(&metrics, "minivpn_up", "Whether the tunnel is up.",
		     state && !strcmp(state, "up"));
	if (status) {
		print_number(
			&metrics, "minivpn_warnings",
			"What stands in the way of the tunnel.",
			json_array_size(json_object_get(status, "warnings")));
		print_families(&metrics, of_tunnel, COUNT(of_tunnel), status);
		print_drops(&metrics, status);
		print_families(&metrics, of_server, COUNT(of_server),
			       json_object_get(status, "server"));
	}
	if (clients)
		print_clients(&metrics, clients);
	fputs("# EOF\n", out);
}
