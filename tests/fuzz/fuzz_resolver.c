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
static void try_original(const struct resolver_file *original)
{
	struct resolver resolver = {
		.name = NAME,
		.dns = {{.family = AF_INET, .bytes = {10, 8, 0, 1}}},
		.dns_count = 1,
		.search = {"example.org"},
		.search_count = 1,
	};
	enum resolver_original form;
	struct resolver_file ours, back;
	size_t size = 0, cut = 0;

	check(resolver_compose(&resolver, RESOLVER_BELOW, original, &ours) ==
	      0);
	check(resolver_is_marked(&ours));
	check(resolver_is_ours(&ours, NAME, &form) && form == RESOLVER_BELOW);
	check(!resolver_is_ours(&ours, "home", &form));
	check(resolver_uncover(&ours, NAME, &back, &size) == 0);
	check(back.length == ours.length && size == original->length);
	check(memcmp(back.bytes, original->bytes, size) == 0);
	check(resolver_cut(&back, NAME, &cut) && cut == size);
	free(back.bytes);
	free(ours.bytes);
}

/* A file as somebody has left it. */
static void try_file(const struct resolver_file *file)
{
	enum resolver_original form;
	struct resolver_file back;
	size_t size;

	if (resolver_is_ours(file, NAME, &form)) {
		check(resolver_is_marked(file));
		if (form == RESOLVER_BELOW &&
		    resolver_uncover(file, NAME, &back, &size) == 0) {
			check(size <= back.length);
			check(back.length == file->length);
			free(back.bytes);
		}
	}
	if (resolver_cut(file, NAME, &size))
		check(size <= file->length);
}

static void try_command(struct input *input)
{
	char *text = input_text(input), again[CHANGE_TEXT_SIZE];
	struct resolver resolver;

	if (resolver_parse(text, &resolver) == 0) {
		check(resolver_check(&resolver) == 0);
		check(resolver_print(&resolver, again, sizeof(again)) == 0);
		check(strcmp(text, again) == 0);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint8_t which = input_byte(&input);
	size_t length = input.left;
	struct resolver_file file;

	if (which == 'c') {
		try_command(&input);
		return 0;
	}
	/* Exactly as long as it is: no zero behind it. */
	file = (struct resolver_file){malloc(length ? length : 1), length};
	check(file.bytes != NULL);
	memcpy(file.bytes, input.at, length);
	if (which == 'o')
		try_original(&file);
	else
		try_file(&file);
	free(file.bytes);
	return 0;
}
