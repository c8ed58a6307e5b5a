/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/dns/resolv_conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/reason.h"
#include "host/dns/resolv_conf_text.h"

/*
 * As a rule the original is kept beside the file (a hard link, so
 * that it comes back as the same inode; a copy where links are refused) and
 * ours is renamed over it. Where the file is a mount point, as in `ip netns
 * exec`, or its directory can't be written, ours is written into it in place,
 * with the original inside as comments: then there is no second file that could
 * get lost.
 *
 * Each step leaves a state from which resolv_conf_revert() finds the way back.
 */

/* A larger resolver file is none. */
#define FILE_SIZE_MAX 65536

struct paths {
	const char *file;
	char kept[PATH_MAX];
	char new[PATH_MAX];
};

static int make_paths(const char *path, const char *name, struct paths *paths)
{
	size_t size = sizeof(paths->kept);

	if (strnlen(name, CONFIG_NAME_SIZE) == CONFIG_NAME_SIZE ||
	    !config_name_valid(name))
		return -EINVAL;
	paths->file = path;
	if ((size_t)snprintf(paths->kept, size, "%s.minivpn-%s", path, name) >=
		    size ||
	    (size_t)snprintf(paths->new, size, "%s.minivpn-%s.new", path,
			     name) >= size)
		return -ENAMETOOLONG;
	return 0;
}

static int read_all(int fd, struct resolv_conf_file *file)
{
	char *bytes = malloc(FILE_SIZE_MAX + 1);
	size_t length = 0;
	ssize_t got = 1;
	int err = 0;

	if (!bytes)
		return -ENOMEM;
	while (got > 0 && length <= FILE_SIZE_MAX) {
		got = read(fd, bytes + length, FILE_SIZE_MAX + 1 - length);
		length += got > 0 ? got : 0;
	}
	if (got < 0)
		err = -errno;
	else if (length > FILE_SIZE_MAX)
		err = -EFBIG;
	if (err)
		free(bytes);
	else
		*file = (struct resolv_conf_file){bytes, length};
	return err;
}

/*
 * What the path leads to. No error where that is nothing (bytes are empty
 * then), -EFBIG or -EINVAL where it can be no resolver file.
 */
static int read_file(const char *path, struct resolv_conf_file *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	int err;

	*file = (struct resolv_conf_file){0};
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &status) < 0)
		err = -errno;
	else if (!S_ISREG(status.st_mode))
		err = -EINVAL;
	else
		err = read_all(fd, file);
	close(fd);
	return err;
}

/* In one call: a kill does not come between the pages of a small file. */
static int write_all(int fd, const struct resolv_conf_file *file)
{
	ssize_t written = pwrite(fd, file->bytes, file->length, 0);

	if (written < 0)
		return -errno;
	if ((size_t)written != file->length)
		return -ENOSPC;
	return fsync(fd) < 0 ? -errno : 0;
}

/* Fails where the path is there: nothing is written through a link of others.
 */
static int write_new(const char *path, const struct resolv_conf_file *file,
		     mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, file);
	if (!err && fchmod(fd, mode) < 0)
		err = -errno;
	close(fd);
	if (err)
		unlink(path);
	return err;
}

static int remove_file(const char *path)
{
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int copy_link(const struct paths *paths)
{
	char target[PATH_MAX];
	ssize_t length = readlink(paths->file, target, sizeof(target));

	if (length < 0)
		return -errno;
	if ((size_t)length == sizeof(target))
		return -ENAMETOOLONG;
	target[length] = '\0';
	return symlink(target, paths->kept) < 0 ? -errno : 0;
}

/* With its owner, as far as we may. */
static int copy_file(const struct paths *paths, const struct stat *status,
		     const struct resolv_conf_file *original)
{
	int err = write_new(paths->kept, original, status->st_mode & 0777);

	if (!err && lchown(paths->kept, status->st_uid, status->st_gid) < 0 &&
	    errno != EPERM)
		err = -errno;
	return err;
}

/*
 * This keeps the original, be it a file or a link, by the name paths->kept as
 * well.
 */
static int keep(const struct paths *paths, const struct stat *status,
		const struct resolv_conf_file *original)
{
	if (linkat(AT_FDCWD, paths->file, AT_FDCWD, paths->kept, 0) == 0)
		return 0;
	if (S_ISLNK(status->st_mode))
		return copy_link(paths);
	return copy_file(paths, status, original);
}

static int make_new(const struct paths *paths,
		    const struct resolv_conf *resolv_conf,
		    enum resolv_conf_original form)
{
	struct resolv_conf_file file;
	int err;

	if (resolv_conf->stub)
		return symlink(RESOLV_CONF_STUB, paths->new) < 0 ? -errno : 0;
	err = resolv_conf_compose(resolv_conf, form, NULL, &file);
	if (err)
		return err;
	err = write_new(paths->new, &file, 0644);
	free(file.bytes);
	return err;
}

/* status NULL: there is no original. */
static int apply_beside(const struct paths *paths,
			const struct resolv_conf *resolv_conf,
			const struct stat *status,
			const struct resolv_conf_file *original)
{
	int err = make_new(paths, resolv_conf,
			   status ? RESOLV_CONF_BESIDE : RESOLV_CONF_MISSING);

	if (err)
		return err;
	if (status)
		err = keep(paths, status, original);
	if (!err && rename(paths->new, paths->file) < 0)
		err = -errno;
	if (err) {
		unlink(paths->new);
		unlink(paths->kept);
	}
	return err;
}

static int apply_inside(const struct paths *paths,
			const struct resolv_conf *resolv_conf,
			const struct resolv_conf_file *original)
{
	struct resolv_conf_file file;
	int fd, err = resolv_conf_compose(resolv_conf, RESOLV_CONF_BELOW,
					  original, &file);

	if (err)
		return err;
	fd = open(paths->file, O_WRONLY | O_CLOEXEC);
	err = fd < 0 ? -errno : write_all(fd, &file);
	/* Ours is the longer one, so that nothing of it was cut off. */
	if (fd >= 0 && err && write_all(fd, original) == 0 &&
	    ftruncate(fd, original->length) < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	free(file.bytes);
	return err;
}

/*
 * Where a symbolic link leads to a file on which another is mounted, a rename
 * would replace the link, and that in every mount namespace. Not known before
 * Linux 5.8.
 */
static bool is_mount_point(const char *path)
{
	struct statx status;

	return statx(AT_FDCWD, path, 0, 0, &status) == 0 &&
	       (status.stx_attributes & status.stx_attributes_mask &
		STATX_ATTR_MOUNT_ROOT);
}

/*
 * EBUSY is for a mount point after all, EPERM for a directory that is
 * immutable.
 */
static bool may_go_inside(int err, const struct stat *status)
{
	return (err == -EBUSY || err == -EROFS || err == -EACCES ||
		err == -EPERM) &&
	       status && S_ISREG(status->st_mode);
}

static int apply(const struct paths *paths,
		 const struct resolv_conf *resolv_conf,
		 const struct resolv_conf_file *original)
{
	struct stat status;
	bool exists = lstat(paths->file, &status) == 0;
	int err;

	if (!exists && errno != ENOENT)
		return -errno;
	/* It is planned for a link, and without an original nobody's. */
	if (resolv_conf->stub && (!exists || !S_ISLNK(status.st_mode)))
		return -EINVAL;
	if (exists && !resolv_conf->stub && is_mount_point(paths->file))
		return apply_inside(paths, resolv_conf, original);
	err = apply_beside(paths, resolv_conf, exists ? &status : NULL,
			   original);
	if (may_go_inside(err, exists ? &status : NULL))
		err = apply_inside(paths, resolv_conf, original);
	return err;
}

/* Ours is the link to the stub for which an original is kept. */
static bool is_our_link(const struct paths *paths)
{
	char target[sizeof(RESOLV_CONF_STUB)] = "";
	struct stat status;

	return readlink(paths->file, target, sizeof(target)) ==
		       (ssize_t)strlen(RESOLV_CONF_STUB) &&
	       strncmp(target, RESOLV_CONF_STUB, sizeof(target) - 1) == 0 &&
	       lstat(paths->kept, &status) == 0;
}

int resolv_conf_apply(const char *path, const struct resolv_conf *resolv_conf)
{
	struct resolv_conf_file original;
	struct paths paths;
	int err = resolv_conf_check(resolv_conf);

	if (!err)
		err = make_paths(path, resolv_conf->name, &paths);
	if (!err)
		err = read_file(path, &original);
	if (err)
		return err;
	if (resolv_conf_is_marked(&original) ||
	    (resolv_conf->stub && is_our_link(&paths))) {
		free(original.bytes);
		return -EEXIST;
	}
	free(original.bytes);
	/* What a run left behind that was killed before it had finished. */
	err = resolv_conf_revert(path, resolv_conf);
	if (err >= 0)
		err = read_file(path, &original);
	if (err)
		return err;
	err = apply(&paths, resolv_conf, &original);
	free(original.bytes);
	return err;
}

static int cut_file(const char *path, size_t size)
{
	return truncate(path, size) < 0 ? -errno : 0;
}

static int revert_inside(const struct paths *paths, const char *name,
			 const struct resolv_conf_file *file)
{
	struct resolv_conf_file restored;
	size_t size;
	int fd, err = resolv_conf_uncover(file, name, &restored, &size);

	if (err)
		return err;
	fd = open(paths->file, O_WRONLY | O_CLOEXEC);
	err = fd < 0 ? -errno : write_all(fd, &restored);
	if (fd >= 0)
		close(fd);
	free(restored.bytes);
	return err ? err : cut_file(paths->file, size);
}

static int revert_ours(const struct paths *paths, const char *name,
		       enum resolv_conf_original form,
		       const struct resolv_conf_file *file)
{
	switch (form) {
	case RESOLV_CONF_BESIDE:
		return rename(paths->kept, paths->file) < 0 ? -errno : 0;
	case RESOLV_CONF_MISSING:
		return remove_file(paths->file);
	case RESOLV_CONF_BELOW:
		return revert_inside(paths, name, file);
	}
	return -EINVAL;
}

/*
 * The file is not ours: never was, or is not any more. With an original beside
 * it that is the same file, nothing had come of it; with another one, somebody
 * has replaced ours. Where there is no file at all, the original still serves.
 */
static int revert_theirs(const struct paths *paths)
{
	struct stat kept, current;
	int err;

	if (lstat(paths->kept, &kept) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (lstat(paths->file, &current) < 0) {
		if (errno != ENOENT || rename(paths->kept, paths->file) < 0)
			return -errno;
		return 0;
	}
	err = remove_file(paths->kept);
	if (err)
		return err;
	return is_same_file(&kept, &current) ? 0 : 1;
}

int resolv_conf_revert(const char *path, const struct resolv_conf *resolv_conf)
{
	enum resolv_conf_original form;
	struct resolv_conf_file file;
	struct paths paths;
	size_t size;
	int err = make_paths(path, resolv_conf->name, &paths);

	if (err)
		return err;
	if (resolv_conf->stub && is_our_link(&paths))
		return rename(paths.kept, path) < 0 ? -errno : 0;
	err = read_file(path, &file);
	/* Whatever that is, it is not ours. */
	if (err == -EFBIG || err == -EINVAL || err == -ELOOP)
		err = 0;
	if (err)
		return err;
	/* Left where apply was killed; it matters to nobody if it stays. */
	unlink(paths.new);
	if (resolv_conf_is_ours(&file, resolv_conf->name, &form))
		err = revert_ours(&paths, resolv_conf->name, form, &file);
	else if (resolv_conf_cut(&file, resolv_conf->name, &size))
		err = cut_file(path, size);
	else
		err = revert_theirs(&paths);
	free(file.bytes);
	return err;
}

/* It is theirs now, and loses the line by which it would be ours. */
static int remove_mark(const struct paths *paths,
		       const struct resolv_conf_file *file)
{
	const char *end = memchr(file->bytes, '\n', file->length);
	size_t used = end ? (size_t)(end + 1 - file->bytes) : file->length;
	struct resolv_conf_file rest = {file->bytes + used,
					file->length - used};
	int err = write_new(paths->new, &rest, 0644);

	if (!err && rename(paths->new, paths->file) < 0) {
		err = -errno;
		unlink(paths->new);
	}
	return err ? err : remove_file(paths->kept);
}

/* A link to the stub is anybody's, but for what our plan replaces by it. */
static bool is_our_stub(const struct paths *paths)
{
	struct stat kept;

	return is_our_link(paths) && lstat(paths->kept, &kept) == 0 &&
	       S_ISLNK(kept.st_mode);
}

static int heal_theirs(const struct paths *paths)
{
	struct stat kept;
	bool missing = access(paths->file, F_OK) < 0 && errno == ENOENT;
	int result;

	if (lstat(paths->kept, &kept) < 0)
		return errno == ENOENT ? 0 : -errno;
	result = revert_theirs(paths);
	if (result < 0)
		return result;
	/*
	 * There may be nothing of ours after an apply that had come to nothing,
	 * either.
	 */
	return result ? 2 : missing;
}

static int heal(const struct paths *paths, const char *name,
		const struct resolv_conf_file *file)
{
	enum resolv_conf_original form;
	size_t size;
	int err;

	unlink(paths->new);
	if (is_our_stub(paths))
		return rename(paths->kept, paths->file) < 0 ? -errno : 1;
	if (!resolv_conf_is_ours(file, name, &form)) {
		if (!resolv_conf_cut(file, name, &size))
			return heal_theirs(paths);
		err = cut_file(paths->file, size);
		return err ? err : 1;
	}
	if (form != RESOLV_CONF_BELOW && resolv_conf_is_edited(file)) {
		err = remove_mark(paths, file);
		return err ? err : 2;
	}
	err = revert_ours(paths, name, form, file);
	return err ? err : 1;
}

int resolv_conf_heal(const char *path, const char *name)
{
	struct resolv_conf_file file;
	struct paths paths;
	int result = make_paths(path, name, &paths);

	if (result)
		return result;
	result = read_file(path, &file);
	/* Whatever that is, it is not ours. */
	if (result == -EFBIG || result == -EINVAL || result == -ELOOP)
		result = 0;
	if (result)
		return result;
	result = heal(&paths, name, &file);
	free(file.bytes);
	return result;
}

static size_t add_owner(char names[][CONFIG_NAME_SIZE], size_t count,
			size_t size, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return count;
	if (count == size || !config_name_valid(name))
		return count;
	strcpy(names[count], name);
	return count + 1;
}

/*
 * Returns NAME of "resolv.conf.minivpn-NAME", NULL for another file or an
 * unfinished one.
 */
static const char *kept_name(const char *entry, const char *file)
{
	static const char infix[] = ".minivpn-", unfinished[] = ".new";
	size_t length = strlen(file), tail = strlen(unfinished);
	const char *name;

	if (strncmp(entry, file, length) != 0 ||
	    strncmp(entry + length, infix, strlen(infix)) != 0)
		return NULL;
	name = entry + length + strlen(infix);
	length = strlen(name);
	if (length >= CONFIG_NAME_SIZE ||
	    (length > tail && strcmp(name + length - tail, unfinished) == 0))
		return NULL;
	return name;
}

size_t resolv_conf_owners(const char *path, char names[][CONFIG_NAME_SIZE],
			  size_t size)
{
	char directory[PATH_MAX], marked[CONFIG_NAME_SIZE];
	const char *slash = strrchr(path, '/'), *name;
	struct resolv_conf_file file;
	struct dirent *entry;
	size_t count = 0;
	DIR *handle;

	if (read_file(path, &file) == 0) {
		if (resolv_conf_marked_name(&file, marked) == 0)
			count = add_owner(names, count, size, marked);
		free(file.bytes);
	}
	snprintf(directory, sizeof(directory), "%.*s",
		 slash ? (int)(slash - path) : 1, slash ? path : ".");
	handle = opendir(directory);
	while (handle && (entry = readdir(handle)) != NULL) {
		name = kept_name(entry->d_name, slash ? slash + 1 : path);
		if (name)
			count = add_owner(names, count, size, name);
	}
	if (handle)
		closedir(handle);
	return count;
}

int resolv_conf_is_applied(const char *path,
			   const struct resolv_conf *resolv_conf)
{
	enum resolv_conf_original form;
	struct resolv_conf_file file;
	struct paths paths;
	int err = make_paths(path, resolv_conf->name, &paths);

	if (!err && resolv_conf->stub)
		return is_our_link(&paths);
	if (!err)
		err = read_file(path, &file);
	/* Whatever that is, it is not ours. */
	if (err == -EFBIG || err == -EINVAL || err == -ELOOP)
		return 0;
	if (err)
		return err;
	err = resolv_conf_is_ours(&file, resolv_conf->name, &form) &&
	      resolv_conf_is_whole(&file, resolv_conf, form);
	free(file.bytes);
	return err;
}

/*
 * A file that chattr(1) has fixed can't be changed by root either. Returns ""
 * where it is none.
 */
static const char *fixed_by(const char *path, int flags)
{
	struct statx status = {0};

	if (statx(AT_FDCWD, path, flags, 0, &status) < 0)
		return "";
	if (status.stx_attributes & STATX_ATTR_IMMUTABLE)
		return "i";
	return status.stx_attributes & STATX_ATTR_APPEND ? "a" : "";
}

/* The file, the directory that it is renamed in, or what is mounted on it. */
static bool explain_fixed(const char *path, struct reason *reason)
{
	char directory[PATH_MAX];
	const char *what = path, *flag = fixed_by(path, AT_SYMLINK_NOFOLLOW);
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash)
		*slash = '\0';
	if (!*flag && slash && directory[0]) {
		what = directory;
		flag = fixed_by(directory, 0);
	}
	if (!*flag) {
		what = path;
		flag = fixed_by(path, 0);
	}
	if (*flag)
		reason_set(reason,
			   "%s: can't be replaced, as %s is %s (chattr +%s): "
			   "chattr -%s %s, or write DNS = none in the file",
			   path, what == path ? "it" : what,
			   *flag == 'i' ? "immutable" : "append-only", flag,
			   flag, what);
	return *flag;
}

void resolv_conf_explain(const char *path, int err, struct reason *reason)
{
	bool denied = err == -EPERM || err == -EACCES;

	if (denied && explain_fixed(path, reason))
		return;
	if (denied && geteuid() != 0)
		reason_set(reason,
			   "%s: not permitted: run it as root (sudo minivpn up "
			   "...)",
			   path);
	else if (err == -EROFS)
		reason_set(
			reason,
			"%s: can't be replaced, as it is mounted read-only "
			"here: have it mounted writable, or write DNS = none "
			"in the file",
			path);
	else
		reason_set(reason,
			   "%s: can't be replaced: %s: make it writable, or "
			   "write DNS = none in the file",
			   path, strerror(-err));
}

int resolv_conf_original_path(const char *path, const char *name,
			      char *original, size_t size)
{
	struct paths paths;
	struct stat status;
	int err = make_paths(path, name, &paths);

	if (err)
		return err;
	if (lstat(paths.kept, &status) == 0)
		path = paths.kept;
	return (size_t)snprintf(original, size, "%s", path) < size
		       ? 0
		       : -ENAMETOOLONG;
}

int resolv_conf_original_servers(const char *path, const char *name,
				 struct inet_address *servers, size_t size)
{
	struct resolv_conf_file file, kept = {0};
	enum resolv_conf_original form;
	char original[PATH_MAX];
	int err, count = 0;
	size_t length;

	err = resolv_conf_original_path(path, name, original, sizeof(original));
	if (!err)
		err = read_file(original, &file);
	if (err)
		return err;
	if (!resolv_conf_is_ours(&file, name, &form))
		count = (int)resolv_conf_servers(&file, servers, size);
	else if (form == RESOLV_CONF_BELOW)
		err = resolv_conf_uncover(&file, name, &kept, &length);
	/* The original has filler and a comment behind it. */
	if (kept.bytes)
		count = (int)resolv_conf_servers(&kept, servers, size);
	free(kept.bytes);
	free(file.bytes);
	return err ? err : count;
}

int resolv_conf_find_scoped(const char *path, char *text, size_t size)
{
	struct resolv_conf_file file;
	int result = read_file(path, &file);

	if (result)
		return result;
	result = resolv_conf_scoped_server(&file, text, size);
	free(file.bytes);
	return result;
}
