/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole journal, however torn or edited: what it says is applied is the same
 * when it is written down anew, and nothing once all of that is struck out.
 * Nothing is applied or reverted here. The first byte of the input says whether
 * it is a file as it is (h), or lines that get the head of here and now, and
 * the right checksums.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "host/change/journal_internal.h"
#include "input.h"

static char directory[] = "/tmp/minivpn-journal.XXXXXX", path[64];
static char head[JOURNAL_TEXT_SIZE];
static unsigned refused;

static void count(void *data, enum log_level level, const char *line)
{
	(void)data;
	(void)level;
	check(line[0] != '\0');
	refused++;
}

static void leave(void)
{
	unlink(path);
	rmdir(directory);
}

static void enter(void)
{
	check(mkdtemp(directory) != NULL);
	snprintf(path, sizeof(path), "%s/fuzz.journal", directory);
	check(journal_head(head, sizeof(head)) == 0);
	atexit(leave);
	log_set_sink(count, NULL);
}

/* Another one, as a journal that is open is locked. */
static FILE *begin_file(void)
{
	FILE *file;

	unlink(path);
	file = fopen(path, "w");
	check(file != NULL);
	return file;
}

static void put_line(FILE *file, const char *text)
{
	char line[JOURNAL_LINE_SIZE];

	check(journal_line_print(text, line, sizeof(line)) == 0);
	check(strcmp(journal_line_text(line), text) == 0);
	fprintf(file, "%s\n", line);
}

static void put(FILE *file, char sign, const struct change *change)
{
	char text[JOURNAL_TEXT_SIZE] = {sign, ' '};

	check(change_encode(change, text + 2, sizeof(text) - 2) == 0);
	put_line(file, text);
}

/* The lines of an input; one that is too long is cut, as if by a full disk. */
static void put_lines(FILE *file, struct input *input)
{
	while (input->left) {
		const uint8_t *end = memchr(input->at, '\n', input->left);
		size_t length = end ? (size_t)(end - input->at) : input->left;
		char text[JOURNAL_TEXT_SIZE];

		snprintf(text, sizeof(text), "%.*s", (int)length,
			 (const char *)input->at);
		put_line(file, text);
		input->at += length + (end != NULL);
		input->left -= length + (end != NULL);
	}
}

static struct journal *read_file(FILE *file)
{
	struct journal *journal = NULL;

	check(fclose(file) == 0);
	check(chmod(path, 0600) == 0);
	refused = 0;
	check(journal_read(path, &journal) == 0);
	return journal;
}

/* struck: and all of it is undone again, the last first. */
static struct journal *write_anew(const struct change_list *changes,
				  bool struck)
{
	FILE *file = begin_file();
	struct journal *again;

	put_line(file, head);
	for (size_t i = 0; i < changes->count; i++)
		put(file, '+', &changes->items[i]);
	for (size_t i = changes->count; struck && i > 0; i--)
		put(file, '-', &changes->items[i - 1]);
	again = read_file(file);
	check(refused == 0);
	return again;
}

static void check_journal(const struct journal *journal)
{
	const struct change_list *changes = journal_changes(journal);
	struct journal *again = write_anew(changes, false);

	check(journal_changes(again)->count == changes->count);
	for (size_t i = 0; i < changes->count; i++)
		check(change_equal(&journal_changes(again)->items[i],
				   &changes->items[i]));
	journal_close(again);
	again = write_anew(changes, true);
	check(journal_changes(again)->count == 0);
	journal_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct journal *journal;
	FILE *file;

	if (!path[0])
		enter();
	file = begin_file();
	if (input_byte(&input) == 'h') {
		check(fwrite(input.at, 1, input.left, file) == input.left);
	} else {
		put_line(file, head);
		put_lines(file, &input);
	}
	journal = read_file(file);
	check_journal(journal);
	journal_close(journal);
	return 0;
}
