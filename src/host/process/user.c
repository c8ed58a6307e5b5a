/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/process/user.h"

#include <dirent.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/idmap.h"

#define NUMBERS (USER_LAST - USER_FIRST + 1)
#define NOBODY	65534

struct numbers {
	bool used[NUMBERS];
};

static void mark(struct numbers *numbers, unsigned id)
{
	if (id >= USER_FIRST && id <= USER_LAST)
		numbers->used[id - USER_FIRST] = true;
}

/* The lines "Uid:" and "Gid:" have four numbers each (proc(5)). */
static void mark_process(struct numbers *numbers, const char *pid)
{
	char path[300], line[256];
	unsigned ids[4];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*1[UG]id: %u %u %u %u", &ids[0], &ids[1],
			   &ids[2], &ids[3]) != 4)
			continue;
		for (unsigned i = 0; i < 4; i++)
			mark(numbers, ids[i]);
	}
	if (file)
		fclose(file);
}

static void mark_processes(struct numbers *numbers)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc)) != NULL) {
		if (strspn(entry->d_name, "0123456789") ==
		    strlen(entry->d_name))
			mark_process(numbers, entry->d_name);
	}
	if (proc)
		closedir(proc);
}

static bool is_free(const struct numbers *numbers, unsigned id)
{
	return !numbers->used[id - USER_FIRST] && idmap_has_user(id) &&
	       idmap_has_group(id) && !getpwuid(id) && !getgrgid(id);
}

struct user user_unused(uid_t taken)
{
	struct numbers numbers = {{false}};
	unsigned start = 0;

	mark_processes(&numbers);
	mark(&numbers, taken);
	/* Two tunnels that start at once are not to choose the same. */
	if (getrandom(&start, sizeof(start), 0) != sizeof(start))
		start = 0;
	for (unsigned i = 0; i < NUMBERS; i++) {
		unsigned id = USER_FIRST + (start % NUMBERS + i) % NUMBERS;

		if (is_free(&numbers, id))
			return (struct user){id, id};
	}
	return (struct user){NOBODY, NOBODY};
}

struct user user_of_tunnel(void)
{
	const struct passwd *entry = getpwnam("minivpn");

	return entry ? (struct user){entry->pw_uid, entry->pw_gid}
		     : user_unused(0);
}
