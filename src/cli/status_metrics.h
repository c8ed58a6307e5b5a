/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `status` knows, as metrics for Prometheus and those who read the same:
 * the names, and what they mean, are in minivpn(8), and stay. How many lines
 * there are is bounded, whoever connects.
 */
#ifndef MINIVPN_CLI_STATUS_METRICS_H
#define MINIVPN_CLI_STATUS_METRICS_H

#include <jansson.h>
#include <stdio.h>

/* Clients that have lines of their own: the busiest. */
#define STATUS_METRICS_CLIENTS 1000

enum status_metrics_format {
	/* Prometheus' text, also for node_exporter; ends as OpenMetrics does */
	STATUS_METRICS_PROMETHEUS,
	/* OpenMetrics 1.0 to the letter: a counter is named without _total */
	STATUS_METRICS_OPENMETRICS,
};

/*
 * Prints the metrics of a tunnel. status: as `status --json` has it; NULL: it
 * is not up.
 */
void status_metrics_print(FILE *out, enum status_metrics_format format,
			  const char *tunnel, const json_t *status);

#endif
