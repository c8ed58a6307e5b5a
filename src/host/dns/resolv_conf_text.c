/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/dns/resolv_conf_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"

#define MARK	    "# minivpn "
#define BESIDE	    "the original is kept beside this file"
#define MISSING	    "there was no file before"
#define SUM	    " (sum "
#define KEPT	    "#|"
#define SHELL_START "printf '"
#define SHELL_END   "' >/etc/resolv.conf " MARK
#define LINK	    "ln -sf " RESOLV_CONF_STUB " /etc/resolv.conf " MARK

/* A line that we make has this size at most, with its zero. */
#define MARK_SIZE 128

#define DOMAIN_CHARACTERS                                                      \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static bool domain_valid(const char *domain)
{
	size_t length = strnlen(domain, SETTINGS_DOMAIN_SIZE);

	return length > 0 && length < SETTINGS_DOMAIN_SIZE &&
	       domain[0] != '-' && strspn(domain, DOMAIN_CHARACTERS) == length;
}

int resolv_conf_check(const struct resolv_conf *resolv_conf)
{
	if (strnlen(resolv_conf->name, CONFIG_NAME_SIZE) == CONFIG_NAME_SIZE ||
	    !config_name_valid(resolv_conf->name) ||
	    resolv_conf->dns_count > SETTINGS_DNS ||
	    resolv_conf->search_count > SETTINGS_SEARCH ||
	    (resolv_conf->dns_count + resolv_conf->search_count == 0) !=
		    resolv_conf->stub)
		return -EINVAL;
	for (unsigned i = 0; i < resolv_conf->dns_count; i++) {
		if (inet_size(resolv_conf->dns[i].family) == 0)
			return -EINVAL;
	}
	for (unsigned i = 0; i < resolv_conf->search_count; i++) {
		if (!domain_valid(resolv_conf->search[i]))
			return -EINVAL;
	}
	return 0;
}

/* newline: as it stands in a file, or in an argument of printf. */
static void put_settings(FILE *out, const struct resolv_conf *resolv_conf,
			 const char *newline)
{
	char address[INET_ADDRESS_TEXT];

	for (unsigned i = 0; i < resolv_conf->dns_count; i++)
		fprintf(out, "nameserver %s%s",
			inet_format_address(&resolv_conf->dns[i], address,
					    sizeof(address)),
			newline);
	if (resolv_conf->search_count == 0)
		return;
	fputs("search", out);
	for (unsigned i = 0; i < resolv_conf->search_count; i++)
		fprintf(out, " %s", resolv_conf->search[i]);
	fputs(newline, out);
}

/* The first line, without sum and end; size is of the original. */
static void make_mark(char line[MARK_SIZE], const char *name,
		      enum resolv_conf_original form, size_t size)
{
	if (form == RESOLV_CONF_BELOW)
		snprintf(line, MARK_SIZE,
			 MARK "%s: the original is kept below, %zu bytes", name,
			 size);
	else
		snprintf(line, MARK_SIZE, MARK "%s: %s", name,
			 form == RESOLV_CONF_BESIDE ? BESIDE : MISSING);
}

static void make_cut(char line[MARK_SIZE], const char *name, size_t size)
{
	snprintf(line, MARK_SIZE, MARK "%s: cut at %zu\n", name, size);
}

static void put_original(FILE *out, const struct resolv_conf_file *original)
{
	const char *at = original->bytes, *end = at + original->length;

	while (at < end) {
		const char *newline = memchr(at, '\n', end - at);
		size_t length = (newline ? newline : end) - at;

		fputs(KEPT, out);
		fwrite(at, 1, length, out);
		fputc('\n', out);
		at += length + 1;
	}
}

/* What stands below the first line; freed by the caller. -ENOMEM. */
static int compose_rest(const struct resolv_conf *resolv_conf,
			const struct resolv_conf_file *original,
			struct resolv_conf_file *file)
{
	FILE *out = open_memstream(&file->bytes, &file->length);
	bool failed;

	if (!out)
		return -ENOMEM;
	put_settings(out, resolv_conf, "\n");
	if (original)
		put_original(out, original);
	failed = ferror(out);
	/* glibc's fclose() says nothing where it has no memory: NULL does. */
	if (fclose(out) != 0 || failed || !file->bytes) {
		free(file->bytes);
		return -ENOMEM;
	}
	return 0;
}

int resolv_conf_compose(const struct resolv_conf *resolv_conf,
			enum resolv_conf_original form,
			const struct resolv_conf_file *original,
			struct resolv_conf_file *file)
{
	struct resolv_conf_file rest;
	bool below = form == RESOLV_CONF_BELOW;
	char mark[MARK_SIZE], sum[32] = "";
	int err = compose_rest(resolv_conf, below ? original : NULL, &rest);
	size_t length;

	if (err)
		return err;
	make_mark(mark, resolv_conf->name, form, below ? original->length : 0);
	if (!below)
		snprintf(sum, sizeof(sum), SUM "%08x)",
			 crc32_of(rest.bytes, rest.length));
	length = strlen(mark) + strlen(sum) + 1;
	file->length = length + rest.length;
	file->bytes = malloc(file->length + 1);
	if (file->bytes) {
		snprintf(file->bytes, length + 1, "%s%s\n", mark, sum);
		memcpy(file->bytes + length, rest.bytes, rest.length);
	}
	free(rest.bytes);
	return file->bytes ? 0 : -ENOMEM;
}

static bool starts_with(const struct resolv_conf_file *file, const char *text)
{
	size_t length = strlen(text);

	return file->length >= length && memcmp(file->bytes, text, length) == 0;
}

bool resolv_conf_is_marked(const struct resolv_conf_file *file)
{
	return starts_with(file, MARK);
}

int resolv_conf_marked_name(const struct resolv_conf_file *file,
			    char name[CONFIG_NAME_SIZE])
{
	const char *start, *end;
	size_t length;

	if (!resolv_conf_is_marked(file))
		return -EINVAL;
	start = file->bytes + strlen(MARK);
	end = memchr(start, ':', file->length - strlen(MARK));
	length = end ? (size_t)(end - start) : 0;
	if (length == 0 || length >= CONFIG_NAME_SIZE)
		return -EINVAL;
	memcpy(name, start, length);
	name[length] = '\0';
	return config_name_valid(name) ? 0 : -EINVAL;
}

/* What is behind the first line. */
static struct resolv_conf_file below_mark(const struct resolv_conf_file *file)
{
	char *end = memchr(file->bytes, '\n', file->length);
	size_t used = end ? (size_t)(end + 1 - file->bytes) : file->length;

	return (struct resolv_conf_file){file->bytes + used,
					 file->length - used};
}

bool resolv_conf_is_edited(const struct resolv_conf_file *file)
{
	struct resolv_conf_file rest = below_mark(file);
	char line[2 * MARK_SIZE] = "", *start;
	unsigned sum;

	snprintf(line, sizeof(line), "%.*s", (int)(file->length - rest.length),
		 file->bytes);
	start = strstr(line, SUM);
	return start && sscanf(start, SUM "%8x)", &sum) == 1 &&
	       sum != crc32_of(rest.bytes, rest.length);
}

/* The number behind the last space before end. */
static bool number_before(const char *start, const char *end, size_t *number)
{
	const char *space = memrchr(start, ' ', end - start);
	size_t length = space ? end - space - 1 : 0;
	char digits[10] = "", *rest;

	if (length == 0 || length >= sizeof(digits))
		return false;
	memcpy(digits, space + 1, length);
	*number = strtoul(digits, &rest, 10);
	return *rest == '\0';
}

/* The size that a mark of RESOLV_CONF_BELOW names. */
static bool marked_size(const struct resolv_conf_file *file, size_t *size)
{
	static const char unit[] = " bytes";
	const char *end = memchr(file->bytes, '\n', file->length);

	return end && (size_t)(end - file->bytes) > strlen(unit) &&
	       memcmp(end - strlen(unit), unit, strlen(unit)) == 0 &&
	       number_before(file->bytes, end - strlen(unit), size);
}

/* With a sum behind it, or, as it was of old, without. */
static bool is_mark(const struct resolv_conf_file *file, const char *mark)
{
	size_t length = strlen(mark);

	return starts_with(file, mark) && file->length > length &&
	       (file->bytes[length] == '\n' ||
		(file->length > length + strlen(SUM) &&
		 memcmp(file->bytes + length, SUM, strlen(SUM)) == 0));
}

bool resolv_conf_is_ours(const struct resolv_conf_file *file, const char *name,
			 enum resolv_conf_original *form)
{
	char mark[MARK_SIZE];
	size_t size = 0;

	if (!resolv_conf_is_marked(file))
		return false;
	*form = marked_size(file, &size) ? RESOLV_CONF_BELOW
					 : RESOLV_CONF_BESIDE;
	make_mark(mark, name, *form, size);
	if (is_mark(file, mark))
		return true;
	*form = RESOLV_CONF_MISSING;
	make_mark(mark, name, *form, 0);
	return is_mark(file, mark);
}

/* Returns whether there is nothing but lines behind KEPT. */
static bool is_kept(const char *at, const char *end)
{
	while (at < end) {
		const char *newline = memchr(at, '\n', end - at);

		if ((size_t)(end - at) < strlen(KEPT) ||
		    memcmp(at, KEPT, strlen(KEPT)) != 0)
			return false;
		at = newline ? newline + 1 : end;
	}
	return true;
}

bool resolv_conf_is_whole(const struct resolv_conf_file *file,
			  const struct resolv_conf *resolv_conf,
			  enum resolv_conf_original form)
{
	struct resolv_conf_file rest = below_mark(file), settings;
	bool whole;

	/* Without memory it is taken for ours, rather than fought for. */
	if (compose_rest(resolv_conf, NULL, &settings))
		return true;
	whole = rest.length >= settings.length &&
		memcmp(rest.bytes, settings.bytes, settings.length) == 0;
	if (whole && form == RESOLV_CONF_BELOW)
		whole = is_kept(rest.bytes + settings.length,
				rest.bytes + rest.length);
	else if (whole)
		whole = rest.length == settings.length;
	free(settings.bytes);
	return whole;
}

/* This joins the lines behind KEPT; as many bytes as file has are enough. */
static size_t join_kept(const struct resolv_conf_file *file, char *bytes)
{
	const char *at = file->bytes, *end = at + file->length;
	size_t length = 0, prefix = strlen(KEPT);

	while (at < end) {
		const char *newline = memchr(at, '\n', end - at);
		const char *next = newline ? newline + 1 : end;
		size_t size = next - at;

		if (size > prefix && memcmp(at, KEPT, prefix) == 0) {
			memcpy(bytes + length, at + prefix, size - prefix);
			length += size - prefix;
		}
		at = next;
	}
	return length;
}

int resolv_conf_uncover(const struct resolv_conf_file *file, const char *name,
			struct resolv_conf_file *restored, size_t *size)
{
	size_t kept, wanted, cut_length;
	char *bytes, cut[MARK_SIZE];

	if (!marked_size(file, &wanted))
		return -EBADMSG;
	bytes = malloc(file->length);
	if (!bytes)
		return -ENOMEM;
	kept = join_kept(file, bytes);
	make_cut(cut, name, wanted);
	cut_length = strlen(cut);
	/* One newline more where the original did not end in one. */
	if ((kept != wanted && kept != wanted + 1) ||
	    wanted + 1 + cut_length > file->length) {
		free(bytes);
		return -EBADMSG;
	}
	memset(bytes + wanted, '\n', file->length - wanted);
	memcpy(bytes + file->length - cut_length, cut, cut_length);
	*restored = (struct resolv_conf_file){bytes, file->length};
	*size = wanted;
	return 0;
}

bool resolv_conf_cut(const struct resolv_conf_file *file, const char *name,
		     size_t *size)
{
	const char *start, *end;
	char cut[MARK_SIZE];
	size_t number;

	if (file->length < 2 || file->bytes[file->length - 1] != '\n')
		return false;
	end = file->bytes + file->length;
	start = memrchr(file->bytes, '\n', file->length - 1);
	if (!start || !number_before(start, end - 1, &number))
		return false;
	make_cut(cut, name, number);
	if ((size_t)(end - start - 1) != strlen(cut) ||
	    memcmp(start + 1, cut, strlen(cut)) != 0 ||
	    number > (size_t)(start - file->bytes))
		return false;
	*size = number;
	return true;
}

/*
 * word becomes what stands behind "nameserver" in the line at *at, "" where
 * there is nothing. *at moves on to the next line.
 */
static void next_server(const char **at, const char *end, char word[MARK_SIZE])
{
	const char *newline = memchr(*at, '\n', end - *at);
	size_t length = (newline ? newline : end) - *at;
	char line[MARK_SIZE];

	_Static_assert(MARK_SIZE == 128, "%127s");
	snprintf(line, sizeof(line), "%.*s", (int)length, *at);
	if (sscanf(line, "nameserver %127s", word) != 1)
		word[0] = '\0';
	*at += length + (newline != NULL);
}

size_t resolv_conf_servers(const struct resolv_conf_file *file,
			   struct inet_address *servers, size_t size)
{
	const char *at = file->bytes;
	const char *end = file->length ? at + file->length : at;
	size_t count = 0;

	while (at < end && count < size) {
		char word[MARK_SIZE];

		next_server(&at, end, word);
		if (inet_parse_address(word, &servers[count]) == 0)
			count++;
	}
	return count;
}

bool resolv_conf_scoped_server(const struct resolv_conf_file *file, char *text,
			       size_t size)
{
	const char *at = file->bytes;
	const char *end = file->length ? at + file->length : at;

	while (at < end) {
		char word[MARK_SIZE];

		next_server(&at, end, word);
		if (strchr(word, '%') && strlen(word) < size) {
			strcpy(text, word);
			return true;
		}
	}
	return false;
}

int resolv_conf_print(const struct resolv_conf *resolv_conf, char *text,
		      size_t size)
{
	char *line = NULL;
	size_t length;
	FILE *out;
	int err = resolv_conf_check(resolv_conf);

	if (err)
		return err;
	out = open_memstream(&line, &length);
	if (!out)
		return -ENOMEM;
	fputs(resolv_conf->stub ? LINK : SHELL_START, out);
	put_settings(out, resolv_conf, "\\n");
	fprintf(out, "%s%s", resolv_conf->stub ? "" : SHELL_END,
		resolv_conf->name);
	if (fclose(out) != 0 || !line)
		err = -ENOMEM;
	else if (length >= size)
		err = -ENOSPC;
	else
		memcpy(text, line, length + 1);
	free(line);
	return err;
}

static int parse_domain(struct resolv_conf *resolv_conf, const char *word)
{
	if (resolv_conf->search_count == SETTINGS_SEARCH ||
	    strlen(word) >= SETTINGS_DOMAIN_SIZE)
		return -EINVAL;
	strcpy(resolv_conf->search[resolv_conf->search_count++], word);
	return 0;
}

static int parse_server(struct resolv_conf *resolv_conf, const char *word)
{
	if (resolv_conf->dns_count == SETTINGS_DNS)
		return -EINVAL;
	return inet_parse_address(word,
				  &resolv_conf->dns[resolv_conf->dns_count++]);
}

static int parse_line(struct resolv_conf *resolv_conf, char *line)
{
	int (*parse)(struct resolv_conf * resolv_conf, const char *word);
	const char *word = strsep(&line, " ");
	int err = 0;

	parse = strcmp(word, "search") == 0 ? parse_domain : parse_server;
	while (!err && (word = strsep(&line, " ")) != NULL)
		err = parse(resolv_conf, word);
	return err;
}

/* Each line ends in the two characters \n. */
static int parse_settings(struct resolv_conf *resolv_conf, char *text)
{
	int err = 0;

	while (!err && *text) {
		char *end = strstr(text, "\\n");

		if (!end)
			return -EINVAL;
		*end = '\0';
		err = parse_line(resolv_conf, text);
		text = end + 2;
	}
	return err;
}

static int parse_name(struct resolv_conf *resolv_conf, const char *name)
{
	if (strlen(name) >= sizeof(resolv_conf->name))
		return -EINVAL;
	strcpy(resolv_conf->name, name);
	return 0;
}

/* The text is taken apart. */
static int parse_command(struct resolv_conf *resolv_conf, char *text)
{
	size_t start = strlen(SHELL_START);
	char *end = strstr(text, SHELL_END);

	resolv_conf->stub = strncmp(text, LINK, strlen(LINK)) == 0;
	if (resolv_conf->stub)
		return parse_name(resolv_conf, text + strlen(LINK));
	if (!end || strncmp(text, SHELL_START, start) != 0 ||
	    parse_name(resolv_conf, end + strlen(SHELL_END)))
		return -EINVAL;
	*end = '\0';
	return parse_settings(resolv_conf, text + start);
}

/* That nothing was passed over shows when the value is printed again. */
int resolv_conf_parse(const char *text, struct resolv_conf *resolv_conf)
{
	struct resolv_conf parsed = {0};
	char copy[2048], again[sizeof(copy)];

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	if (parse_command(&parsed, copy) ||
	    resolv_conf_print(&parsed, again, sizeof(again)) ||
	    strcmp(text, again) != 0)
		return -EINVAL;
	*resolv_conf = parsed;
	return 0;
}
