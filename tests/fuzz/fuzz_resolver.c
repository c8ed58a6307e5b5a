/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resolver files: an original, whatever is in it, comes back from ours as it
 * was; a file that somebody has edited is refused or gives bytes that lie in
 * it; and a command is read only where it is word for word what is printed.
 */
#include <stdio.h>

#include "host/change/change.h"
#include "host/dns/resolv_conf_text.h"
#include "input.h"

#define NAME "office"

/* No byte of the original is lost or added. */
static void try_original(const struct resolv_conf_file *original)
{
	struct resolv_conf resolv_conf = {
		.name = NAME,
		.dns = {{.family = AF_INET, .bytes = {10, 8, 0, 1}}},
		.dns_count = 1,
		.search = {"example.org"},
		.search_count = 1,
	};
	enum resolv_conf_original form;
	struct resolv_conf_file ours, back;
	size_t size = 0, cut = 0;

	check(resolv_conf_compose(&resolv_conf, RESOLV_CONF_BELOW, original,
				  &ours) == 0);
	check(resolv_conf_is_marked(&ours));
	check(resolv_conf_is_ours(&ours, NAME, &form) &&
	      form == RESOLV_CONF_BELOW);
	check(!resolv_conf_is_ours(&ours, "home", &form));
	check(resolv_conf_uncover(&ours, NAME, &back, &size) == 0);
	check(back.length == ours.length && size == original->length);
	check(memcmp(back.bytes, original->bytes, size) == 0);
	check(resolv_conf_cut(&back, NAME, &cut) && cut == size);
	free(back.bytes);
	free(ours.bytes);
}

/* A file as somebody has left it. */
static void try_file(const struct resolv_conf_file *file)
{
	enum resolv_conf_original form;
	struct resolv_conf_file back;
	size_t size;

	if (resolv_conf_is_ours(file, NAME, &form)) {
		check(resolv_conf_is_marked(file));
		if (form == RESOLV_CONF_BELOW &&
		    resolv_conf_uncover(file, NAME, &back, &size) == 0) {
			check(size <= back.length);
			check(back.length == file->length);
			free(back.bytes);
		}
	}
	if (resolv_conf_cut(file, NAME, &size))
		check(size <= file->length);
}

static void try_command(struct input *input)
{
	char *text = input_text(input), again[CHANGE_TEXT_SIZE];
	struct resolv_conf resolv_conf;

	if (resolv_conf_parse(text, &resolv_conf) == 0) {
		check(resolv_conf_check(&resolv_conf) == 0);
		check(resolv_conf_print(&resolv_conf, again, sizeof(again)) ==
		      0);
		check(strcmp(text, again) == 0);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint8_t which = input_byte(&input);
	size_t length = input.left;
	struct resolv_conf_file file;

	if (which == 'c') {
		try_command(&input);
		return 0;
	}
	/* Exactly as long as it is: no zero behind it. */
	file = (struct resolv_conf_file){malloc(length ? length : 1), length};
	check(file.bytes != NULL);
	memcpy(file.bytes, input.at, length);
	if (which == 'o')
		try_original(&file);
	else
		try_file(&file);
	free(file.bytes);
	return 0;
}
