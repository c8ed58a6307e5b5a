/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes as records: kind=route destination=10.0.0.0/8 device=tun0 ..., from
 * the tables of fields that the kinds have. A field that is zero, or empty, is
 * left out, so that one that is added later does not change older records.
 */
#include "host/change/change_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND	"kind="
#define COMMENT " # "

/* A value is one word; the longest is a path. */
#define VALUE_SIZE NETNS_PATH_SIZE
#define FORWARDS   "/forwards"
#define YES	   "yes"

/* Any change may have these. */
static const struct change_field place_fields[] = {
	CHANGE_FIELD("namespace", WORD, place.name),
	CHANGE_FIELD("inode", NUMBER, place.inode),
	CHANGE_FIELD("cookie", NUMBER, place.cookie),
	{0},
};

static uint64_t get_number(const void *value, size_t size)
{
	uint64_t number = 0;
	uint32_t word;
	uint16_t half;

	if (size == sizeof(uint8_t))
		return *(const uint8_t *)value;
	if (size == sizeof(half)) {
		memcpy(&half, value, size);
		return half;
	}
	if (size == sizeof(word)) {
		memcpy(&word, value, size);
		return word;
	}
	memcpy(&number, value, sizeof(number));
	return number;
}

static int set_number(void *value, size_t size, uint64_t number)
{
	uint32_t word = (uint32_t)number;
	uint16_t half = (uint16_t)number;
	uint8_t byte = (uint8_t)number;

	if (size == sizeof(byte))
		memcpy(value, &byte, size);
	else if (size == sizeof(half))
		memcpy(value, &half, size);
	else if (size == sizeof(word))
		memcpy(value, &word, size);
	else
		memcpy(value, &number, sizeof(number));
	return get_number(value, size) == number ? 0 : -EINVAL;
}

static void print_number(const void *value, size_t size, char text[VALUE_SIZE])
{
	uint64_t number = get_number(value, size);

	if (number)
		snprintf(text, VALUE_SIZE, "%" PRIu64, number);
}

static int parse_number(const char *text, void *value, size_t size)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || *end)
		return -EINVAL;
	return set_number(value, size, number);
}

static void print_flag(const void *value, size_t size, char text[VALUE_SIZE])
{
	(void)size;
	if (*(const bool *)value)
		strcpy(text, YES);
}

static int parse_flag(const char *text, void *value, size_t size)
{
	(void)size;
	*(bool *)value = true;
	return strcmp(text, YES) == 0 ? 0 : -EINVAL;
}

static void print_word(const void *value, size_t size, char text[VALUE_SIZE])
{
	snprintf(text, VALUE_SIZE, "%.*s", (int)size, (const char *)value);
}

static int parse_word(const char *text, void *value, size_t size)
{
	size_t length = strlen(text);

	if (length >= size)
		return -EINVAL;
	memcpy(value, text, length + 1);
	return 0;
}

static bool equal_word(const void *a, const void *b, size_t size)
{
	return strncmp(a, b, size) == 0;
}

static bool equal_bytes(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size) == 0;
}

static void print_address(const void *value, size_t size, char text[VALUE_SIZE])
{
	const struct inet_address *address = value;

	(void)size;
	if (address->family)
		inet_format_address(address, text, VALUE_SIZE);
}

static int parse_address(const char *text, void *value, size_t size)
{
	(void)size;
	return inet_parse_address(text, value);
}

static bool equal_address(const void *a, const void *b, size_t size)
{
	(void)size;
	return inet_address_equal(a, b);
}

static void print_prefix(const void *value, size_t size, char text[VALUE_SIZE])
{
	const struct inet_prefix *prefix = value;

	(void)size;
	if (prefix->address.family)
		inet_format_prefix(prefix, text, VALUE_SIZE);
}

static int parse_prefix(const char *text, void *value, size_t size)
{
	(void)size;
	return inet_parse_prefix(text, value);
}

static bool equal_prefix(const void *a, const void *b, size_t size)
{
	(void)size;
	return inet_prefix_equal(a, b);
}

static void print_endpoint(const void *value, size_t size,
			   char text[VALUE_SIZE])
{
	(void)size;
	inet_format_endpoint(value, text, VALUE_SIZE);
}

static int parse_endpoint(const char *text, void *value, size_t size)
{
	(void)size;
	return inet_parse_endpoint(text, value);
}

static bool equal_endpoint(const void *a, const void *b, size_t size)
{
	(void)size;
	return inet_endpoint_equal(a, b);
}

static void print_ports(const void *value, size_t size, char text[VALUE_SIZE])
{
	const struct inet_ports *ports = value;

	(void)size;
	if (ports->first)
		inet_format_ports(ports, text, VALUE_SIZE);
}

static int parse_ports(const char *text, void *value, size_t size)
{
	(void)size;
	return inet_parse_ports(text, value);
}

static void print_link(const void *value, size_t size, char text[VALUE_SIZE])
{
	const struct nft_filter_link *link = value;

	(void)size;
	snprintf(text, VALUE_SIZE, "%.*s%s", (int)sizeof(link->name),
		 link->name, link->forwards ? FORWARDS : "");
}

static int parse_link(const char *text, void *value, size_t size)
{
	struct nft_filter_link *link = value;
	size_t length = strcspn(text, "/");

	(void)size;
	if (length >= sizeof(link->name))
		return -EINVAL;
	memcpy(link->name, text, length);
	link->name[length] = '\0';
	link->forwards = strcmp(text + length, FORWARDS) == 0;
	return link->forwards || !text[length] ? 0 : -EINVAL;
}

static bool equal_link(const void *one, const void *other, size_t size)
{
	const struct nft_filter_link *a = one, *b = other;

	(void)size;
	return a->forwards == b->forwards &&
	       strncmp(a->name, b->name, sizeof(a->name)) == 0;
}

/* print leaves text, which is empty, as it is where the value is zero. */
static const struct {
	void (*print)(const void *value, size_t size, char text[VALUE_SIZE]);
	int (*parse)(const char *text, void *value, size_t size);
	bool (*equal)(const void *a, const void *b, size_t size);
} types[] = {
	[CHANGE_TYPE_NUMBER] = {print_number, parse_number, equal_bytes},
	[CHANGE_TYPE_FLAG] = {print_flag, parse_flag, equal_bytes},
	[CHANGE_TYPE_WORD] = {print_word, parse_word, equal_word},
	[CHANGE_TYPE_ADDRESS] = {print_address, parse_address, equal_address},
	[CHANGE_TYPE_PREFIX] = {print_prefix, parse_prefix, equal_prefix},
	[CHANGE_TYPE_ENDPOINT] = {print_endpoint, parse_endpoint,
				  equal_endpoint},
	[CHANGE_TYPE_PORTS] = {print_ports, parse_ports, equal_bytes},
	[CHANGE_TYPE_LINK] = {print_link, parse_link, equal_link},
};

static const void *value_at(const struct change *change,
			    const struct change_field *field, unsigned index)
{
	return (const uint8_t *)change + field->offset +
	       (size_t)index * field->size;
}

static unsigned stated_count(const struct change *change,
			     const struct change_field *field)
{
	unsigned count = field->room;

	if (field->count)
		memcpy(&count, (const uint8_t *)change + field->count,
		       sizeof(count));
	return count;
}

/* A change that states more can't be printed, and is none of ours. */
static unsigned count_of(const struct change *change,
			 const struct change_field *field)
{
	unsigned count = stated_count(change, field);

	return count < field->room ? count : field->room;
}

bool change_fields_equal(const struct change_field *fields,
			 const struct change *a, const struct change *b)
{
	for (const struct change_field *field = fields; field->key; field++) {
		unsigned count = count_of(a, field);

		if (stated_count(a, field) != stated_count(b, field))
			return false;
		for (unsigned i = 0; i < count; i++) {
			if (!types[field->type].equal(value_at(a, field, i),
						      value_at(b, field, i),
						      field->size))
				return false;
		}
	}
	return true;
}

/* The text of one value, "" where it is zero. */
static void print_value(const struct change *change,
			const struct change_field *field, unsigned index,
			char text[VALUE_SIZE])
{
	text[0] = '\0';
	types[field->type].print(value_at(change, field, index), field->size,
				 text);
}

static bool is_set(const struct change *change,
		   const struct change_field *field)
{
	char value[VALUE_SIZE];

	for (unsigned i = 0; i < count_of(change, field); i++) {
		print_value(change, field, i, value);
		if (value[0])
			return true;
	}
	return false;
}

static void put_fields(const struct change *change,
		       const struct change_field *fields, struct text *text)
{
	char value[VALUE_SIZE];

	for (const struct change_field *field = fields; field->key; field++) {
		if (!is_set(change, field))
			continue;
		text_append(text, " %s=", field->key);
		for (unsigned i = 0; i < count_of(change, field); i++) {
			print_value(change, field, i, value);
			text_append(text, "%s%s", i ? "," : "", value);
		}
	}
}

static int print_record(const struct change *change, char *buffer, size_t size)
{
	const struct change_operations *kind = change_operations(change->kind);
	struct text text = {.buffer = buffer, .size = size};

	text_append(&text, KIND "%s", kind->name);
	put_fields(change, place_fields, &text);
	put_fields(change, kind->fields, &text);
	return text.length < size ? 0 : -ENOSPC;
}

int change_encode(const struct change *change, char *text, size_t size)
{
	char words[CHANGE_TEXT_SIZE];
	size_t length;
	int err = change_print(change, words, sizeof(words));

	if (!err)
		err = print_record(change, text, size);
	if (err)
		return err;
	length = strlen(text);
	return (size_t)snprintf(text + length, size - length, COMMENT "%s",
				words) < size - length
		       ? 0
		       : -ENOSPC;
}

static const struct change_field *find_field(const struct change_field *fields,
					     const char *key, size_t length)
{
	for (; fields->key; fields++) {
		if (strlen(fields->key) == length &&
		    memcmp(fields->key, key, length) == 0)
			return fields;
	}
	return NULL;
}

/* text is taken apart. */
static int set_values(struct change *change, const struct change_field *field,
		      char *text)
{
	uint8_t *value = (uint8_t *)change + field->offset;
	bool single = field->room == 1;
	unsigned count = 0;
	const char *word;

	while ((word = strsep(&text, single ? "" : ",")) != NULL) {
		if (count == field->room ||
		    types[field->type].parse(word, value, field->size))
			return -EINVAL;
		value += field->size;
		count++;
	}
	if (field->count)
		memcpy((uint8_t *)change + field->count, &count, sizeof(count));
	return 0;
}

static int set_field(struct change *change, char *word)
{
	const struct change_operations *kind = change_operations(change->kind);
	size_t length = strcspn(word, "=");
	const struct change_field *field;

	field = find_field(place_fields, word, length);
	if (!field)
		field = find_field(kind->fields, word, length);
	if (!field || !word[length])
		return -EINVAL;
	return set_values(change, field, word + length + 1);
}

static int set_kind(struct change *change, const char *name)
{
	for (unsigned kind = 0; kind < CHANGE_KINDS; kind++) {
		if (strcmp(change_operations(kind)->name, name) == 0) {
			change->kind = kind;
			return 0;
		}
	}
	return -EINVAL;
}

/* What is not word for word our own is refused, as in change_parse(). */
static int decode(char *record, struct change *change)
{
	char original[CHANGE_RECORD_SIZE], again[CHANGE_RECORD_SIZE];
	char text[CHANGE_TEXT_SIZE], *word;

	strcpy(original, record);
	word = strsep(&record, " ");
	if (set_kind(change, word + strlen(KIND)))
		return -EINVAL;
	while ((word = strsep(&record, " ")) != NULL) {
		if (set_field(change, word))
			return -EINVAL;
	}
	if (print_record(change, again, sizeof(again)) ||
	    strcmp(original, again) != 0)
		return -EINVAL;
	return change_print(change, text, sizeof(text)) ? -EINVAL : 0;
}

int change_decode(const char *text, struct change *change)
{
	const char *comment = strstr(text, COMMENT);
	size_t length = comment ? (size_t)(comment - text) : strlen(text);
	char record[CHANGE_RECORD_SIZE];
	struct change decoded = {0};

	if (strncmp(text, KIND, strlen(KIND)) != 0)
		return change_parse(text, change);
	if (length >= sizeof(record))
		return -EINVAL;
	memcpy(record, text, length);
	record[length] = '\0';
	if (decode(record, &decoded))
		return -EINVAL;
	*change = decoded;
	return 0;
}
