/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A main() in the place of libFuzzer's: hands the files that are named to the
 * target, one after another, so that the corpus is a test for any compiler.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_SIZE (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly the right size, so that a sanitizer sees its end. */
static int replay(const char *path, uint8_t *buffer)
{
	FILE *file = fopen(path, "rb");
	uint8_t *exact;
	size_t size;

	if (!file) {
		perror(path);
		return -1;
	}
	size = fread(buffer, 1, INPUT_SIZE, file);
	fclose(file);
	exact = malloc(size ? size : 1);
	if (!exact)
		return -1;
	for (size_t i = 0; i < size; i++)
		exact[i] = buffer[i];
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	static uint8_t buffer[INPUT_SIZE];

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		if (replay(argv[i], buffer) < 0)
			return 1;
	printf("%d inputs\n", argc - 1);
	return 0;
}
