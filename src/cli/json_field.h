/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A field of a JSON object that may not be there, or be another kind. */
#ifndef MINIVPN_CLI_JSON_FIELD_H
#define MINIVPN_CLI_JSON_FIELD_H

#include <jansson.h>

/* "" where it is no text. */
static inline const char *json_field_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* 0 where it is no number. */
static inline double json_field_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* The first text of a list, or "". */
static inline const char *json_field_first(const json_t *object,
					   const char *key)
{
	const char *text = json_string_value(
		json_array_get(json_object_get(object, key), 0));

	return text ? text : "";
}

#endif
