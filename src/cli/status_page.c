/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/status_page.h"

#include <time.h>

#include "cli/json_field.h"
#include "cli/quantity.h"
#include "common/config/settings.h"
#include "common/date.h"

#define DAY_SECONDS 86400

struct page {
	FILE *out;
	const struct terminal *terminal;
};

static const char *style(const struct page *page, enum terminal_style which)
{
	return terminal_style(page->terminal, which);
}

static void print_label(const struct page *page, const char *label)
{
	fprintf(page->out, "  %s%s%s: ", style(page, TERMINAL_LABEL), label,
		style(page, TERMINAL_PLAIN));
}

static void print_text(const struct page *page, const char *label,
		       const char *text)
{
	if (!*text)
		return;
	print_label(page, label);
	terminal_put(page->out, page->terminal, text, 0);
	putc('\n', page->out);
}

static void print_list(const struct page *page, const char *label,
		       const json_t *list)
{
	const char *comma = "";
	size_t i;
	json_t *item;

	if (!json_array_size(list))
		return;
	print_label(page, label);
	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);

		fputs(comma, page->out);
		terminal_put(page->out, page->terminal, text ? text : "", 0);
		comma = ", ";
	}
	putc('\n', page->out);
}

static void print_duration(const struct page *page, const char *label,
			   double seconds, const char *behind)
{
	char text[QUANTITY_LONG_SIZE];

	print_label(page, label);
	fprintf(page->out, "%s%s\n", quantity_duration(text, seconds), behind);
}

static void print_transfer(const struct page *page, const json_t *counters)
{
	char received[QUANTITY_SIZE], sent[QUANTITY_SIZE];

	print_label(page, "transfer");
	fprintf(page->out,
		"%s received (%.0f packets), %s sent (%.0f packets)\n",
		quantity_bytes(received,
			       json_field_number(counters, "rx_bytes")),
		json_field_number(counters, "rx_packets"),
		quantity_bytes(sent, json_field_number(counters, "tx_bytes")),
		json_field_number(counters, "tx_packets"));
}

static void print_total(const struct page *page, const json_t *total)
{
	char received[QUANTITY_SIZE], sent[QUANTITY_SIZE];

	if (!json_is_object(total))
		return;
	print_label(page, "in all sessions");
	fprintf(page->out, "%s received, %s sent\n",
		quantity_bytes(received, json_field_number(total, "rx_bytes")),
		quantity_bytes(sent, json_field_number(total, "tx_bytes")));
}

static void print_drops(const struct page *page, json_t *drops)
{
	const char *comma = "", *reason;
	json_t *count;

	json_object_foreach(drops, reason, count)
	{
		if (!json_integer_value(count))
			continue;
		if (!*comma)
			print_label(page, "dropped");
		fprintf(page->out, "%s%lld ", comma,
			(long long)json_integer_value(count));
		terminal_put(page->out, page->terminal, reason, 0);
		comma = ", ";
	}
	if (*comma)
		putc('\n', page->out);
}

/* "until 2026-12-01 12:00:00 UTC, expires in 3 days" */
void status_page_certificate(FILE *out, const struct terminal *terminal,
			     const json_t *object)
{
	const struct page page = {out, terminal};
	const json_t *date = json_object_get(object, "certificate_expires");
	double left = (double)json_integer_value(date) - (double)time(NULL);
	char text[QUANTITY_LONG_SIZE];

	/* There is no text of a date that makes no sense. */
	if (!json_is_integer(date) ||
	    !*quantity_date(text, json_integer_value(date)))
		return;
	print_label(&page, "certificate");
	fprintf(out, "until %s", text);
	if (left < 0.)
		fprintf(out, ", %shas expired%s",
			style(&page, TERMINAL_WARNING),
			style(&page, TERMINAL_PLAIN));
	else if (left < SETTINGS_EXPIRY_DAYS * 86400.)
		fprintf(out, ", %sexpires in %d days%s",
			style(&page, TERMINAL_WARNING), (int)(left / 86400.),
			style(&page, TERMINAL_PLAIN));
	putc('\n', out);
}

/* "ECDHE-ECDSA AES-128-GCM, by GnuTLS" */
static void print_cipher(const struct page *page, const json_t *peer)
{
	const char *cipher = json_field_text(peer, "cipher");

	if (!*cipher)
		return;
	print_label(page, "cipher");
	terminal_put(page->out, page->terminal, cipher, 0);
	fputs(", by ", page->out);
	terminal_put(page->out, page->terminal,
		     json_field_text(peer, "library"), 0);
	putc('\n', page->out);
}

static void print_session(const struct page *page, json_t *peer)
{
	char text[QUANTITY_SIZE];

	print_duration(page, "connected", json_field_number(peer, "connected"),
		       "");
	print_duration(page, "last heard",
		       json_field_number(peer, "last_heard"), " ago");
	if (json_is_number(json_object_get(peer, "rtt_ms")))
		print_text(page, "round trip",
			   quantity_round_trip(
				   text, json_field_number(peer, "rtt_ms")));
	print_transfer(page, peer);
	print_drops(page, json_object_get(peer, "drops"));
	print_cipher(page, peer);
	if (json_is_true(json_object_get(peer, "runs_lost")))
		print_text(page, "offload",
			   "UDP segmentation is off: what it cuts is lost on "
			   "the way (minivpn doctor)");
	status_page_certificate(page->out, page->terminal, peer);
}

/* Only of a server's client it is known whose they are. */
static const char *addresses_label(const json_t *peer)
{
	const json_t *fixed = json_object_get(peer, "fixed");

	if (!fixed)
		return "addresses";
	return json_is_true(fixed) ? "fixed addresses" : "leased addresses";
}

static void print_last_seen(const struct page *page, const json_t *date)
{
	double seconds = (double)time(NULL) - json_number_value(date);

	if (json_is_integer(date))
		print_duration(page, "last seen", seconds > 0. ? seconds : 0.,
			       " ago");
	else if (date)
		print_text(page, "last seen", "not known");
}

/* What the file keeps it out by, and since when it is there. */
static void print_limits(const struct page *page, const json_t *peer)
{
	const json_t *date = json_object_get(peer, "expires");
	const json_t *added = json_object_get(peer, "added");
	char text[DATE_SIZE];

	if (json_is_integer(added))
		print_text(
			page, "added",
			date_format_end(json_integer_value(added) + DAY_SECONDS,
					text));
	if (json_is_integer(date))
		print_text(page, "expires",
			   date_format_end(json_integer_value(date), text));
	if (json_is_true(json_object_get(peer, "disabled")))
		print_text(page, "disabled", "yes");
}

static void print_peer(const struct page *page, const char *kind, json_t *peer)
{
	const char *name = json_field_text(peer, "name");
	const char *host = json_field_text(peer, "host");

	fprintf(page->out, "%s%s%s: ", style(page, TERMINAL_HEAD), kind,
		style(page, TERMINAL_PLAIN));
	terminal_put(page->out, page->terminal, *host ? host : name, 0);
	putc('\n', page->out);
	if (*host)
		print_text(page, "name", name);
	print_text(page, "public key", json_field_text(peer, "key"));
	print_text(page, "endpoint", json_field_text(peer, "endpoint"));
	print_list(page, addresses_label(peer),
		   json_object_get(peer, "addresses"));
	print_list(page, "subnets", json_object_get(peer, "subnets"));
	if (json_is_number(json_object_get(peer, "connected"))) {
		print_session(page, peer);
	} else {
		print_text(page, "session", "none");
		print_last_seen(page, json_object_get(peer, "last_seen"));
	}
	print_total(page, json_object_get(peer, "total"));
	print_limits(page, peer);
}

void status_page_client(FILE *out, const struct terminal *terminal,
			json_t *client)
{
	const struct page page = {out, terminal};

	print_peer(&page, "client", client);
}

unsigned status_page_warnings(FILE *out, const struct terminal *terminal,
			      json_t *status)
{
	const struct page page = {out, terminal};
	unsigned lines = 0, width;
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(status, "warnings"), i, item)
	{
		const char *text = json_string_value(item);

		if (!text)
			continue;
		print_text(&page, "warning", text);
		width = terminal_put(NULL, terminal, text, 0) +
			(unsigned)sizeof("  warning: ") - 1;
		lines += terminal->columns ? (width - 1) / terminal->columns + 1
					   : 1;
	}
	return lines;
}

void status_page_tunnel(FILE *out, const struct terminal *terminal,
			json_t *status)
{
	const struct page page = {out, terminal};

	fprintf(out, "%stunnel%s: ", style(&page, TERMINAL_HEAD),
		style(&page, TERMINAL_PLAIN));
	terminal_put(out, terminal, json_field_text(status, "name"), 0);
	fprintf(out, ", %s\n", json_field_text(status, "role"));
	print_text(&page, "state", json_field_text(status, "state"));
	print_label(&page, "device");
	terminal_put(out, terminal, json_field_text(status, "device"), 0);
	fprintf(out, ", MTU %.0f\n", json_field_number(status, "mtu"));
	print_text(&page, "namespace", json_field_text(status, "namespace"));
	if (json_is_true(json_object_get(status, "noise")))
		print_text(&page, "on the wire", "noise, by Secret");
	print_list(&page, "addresses", json_object_get(status, "addresses"));
	status_page_certificate(out, terminal, status);
	print_duration(&page, "up for", json_field_number(status, "uptime"),
		       "");
	print_transfer(&page, json_object_get(status, "traffic"));
	print_drops(&page, json_object_get(status, "drops"));
	print_label(&page, "changes to this host");
	fprintf(out, "%zu, which --changes shows\n",
		json_array_size(json_object_get(status, "changes")));
	status_page_warnings(out, terminal, status);
	putc('\n', out);
	print_peer(&page, "server", json_object_get(status, "server"));
}

void status_page_changes(FILE *out, json_t *status)
{
	const struct terminal whole = {.utf8 = true};
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(status, "changes"), i, item)
	{
		const char *text = json_string_value(item);

		terminal_put(out, &whole, text ? text : "", 0);
		putc('\n', out);
	}
}
