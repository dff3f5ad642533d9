#include "ports/linux/program.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/linux/kernel.h"
#include "ports/linux/vfork.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

enum {
	PROC_MAGIC = 0x9fa0,  /* PROC_SUPER_MAGIC */
	LINE_MAX_BYTES = 256, /* the kernel's BINPRM_BUF_SIZE */
	SCRIPTS_MAX = 4,      /* an interpreter may be a script; the kernel allows as many */
	WORDS_MAX = ARGS_MAX + 2 * SCRIPTS_MAX,
	PARTS_MAX = 64, /* program headers that are looked at; linkers make a dozen */
	PART_MAX = 56,
	PT_INTERPRETER = 3,
};

/* Where an ELF file of 32 or 64 bits says what we ask. */
struct elf_shape {
	uint8_t class, table, part_size, part_count; /* in the file's header */
	uint8_t width;                               /* of an offset */
	uint8_t size, offset, length;                /* of a program header, and in it */
};

static const struct elf_shape shapes[] = {
	{ 1, 28, 42, 44, 4, 32, 4, 16 },
	{ 2, 32, 54, 56, 8, 56, 8, 32 },
};

static const char DEFAULT_PATH[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* What will be run: an open file and its words. */
struct program {
	int fd;
	char path[PATH_LIMIT];
	const char *words[WORDS_MAX + 1];
	char line[SCRIPTS_MAX][LINE_MAX_BYTES];
	char scripts[SCRIPTS_MAX][PATH_LIMIT];
};

static bool refuse(int reason)
{
	errno = reason;
	return false;
}

/* Opened as the kernel would find it, if it is a file that can be looked at and no magic
 * link leads there; -1. What cannot be read may be a script or name an interpreter. */
static int open_executable(const char *path)
{
	struct stat st;
	struct statfs fs;
	SCOPED_FD fd = kernel_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
				   KERNEL_NO_MAGICLINKS);
	if (fd < 0 || fstat(fd, &st) || fstatfs(fd, &fs))
		return -1;
	if (S_ISREG(st.st_mode) && (long)fs.f_type != PROC_MAGIC)
		return take_fd(&fd);
	errno = EACCES;
	return -1;
}

static bool open_program(struct program *p, const char *path)
{
	SCOPED_FD fd = open_executable(path);
	if (fd < 0)
		return false;
	if (!text_copy(p->path, sizeof p->path, bytes_of(path)))
		return refuse(ENAMETOOLONG);
	close_quietly(p->fd);
	p->fd = take_fd(&fd);
	return true;
}

static const char *search_path(const char *const *env)
{
	const char *path = DEFAULT_PATH;
	for (; *env; env++)
		if (text_starts(*env, "PATH="))
			path = *env + 5;
	return path;
}

static bool find(struct program *p, const char *name, const char *const *env)
{
	char path[PATH_LIMIT];
	if (strchr(name, '/'))
		return open_program(p, name);
	int reason = ENOENT;
	for (const char *at = search_path(env); *at;) {
		size_t n = strcspn(at, ":");
		if ((size_t)snprintf(path, sizeof path, "%.*s/%s", (int)n, at, name) <
		    sizeof path) {
			if (open_program(p, path))
				return true;
			reason = errno == EACCES ? EACCES : reason;
		}
		at += n + (at[n] == ':');
	}
	return refuse(reason);
}

/* "#!/bin/sh -e": the words of the line take the place of the first. */
static bool enter_script(struct program *p, size_t depth, bool *out_is_script)
{
	char *line = p->line[depth];
	ssize_t n = pread(p->fd, line, LINE_MAX_BYTES - 1, 0);
	*out_is_script = n > 2 && line[0] == '#' && line[1] == '!';
	if (!*out_is_script)
		return true;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	char *interpreter = line + 2 + strspn(line + 2, " \t");
	char *argument = interpreter + strcspn(interpreter, " \t");
	if (*argument)
		*argument++ = '\0';
	argument += strspn(argument, " \t");
	for (size_t end = strlen(argument); end && strchr(" \t", argument[end - 1]); end--)
		argument[end - 1] = '\0';

	size_t words = 0, extra = *argument ? 2 : 1;
	while (p->words[words])
		words++;
	if (words + extra > WORDS_MAX)
		return refuse(E2BIG);
	memmove(p->words + extra, p->words, (words + 1) * sizeof *p->words);
	strcpy(p->scripts[depth], p->path);
	p->words[extra] = p->scripts[depth];
	if (*argument)
		p->words[1] = argument;
	p->words[0] = interpreter;
	return open_program(p, interpreter);
}

static bool resolve_scripts(struct program *p)
{
	bool is_script = true;
	for (size_t depth = 0; is_script; depth++) {
		if (depth == SCRIPTS_MAX)
			return refuse(ELOOP);
		if (!enter_script(p, depth, &is_script))
			return false;
	}
	return true;
}

static uint64_t number_at(const char *bytes, size_t width)
{
	uint64_t n = 0;
	memcpy(&n, bytes, width); /* every board is little endian */
	return n;
}

static const struct elf_shape *shape_of(const char *head)
{
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		if (memcmp(head, "\177ELF", 4) == 0 && head[4] == (char)shapes[i].class)
			return &shapes[i];
	return NULL;
}

/* The program that the kernel will load first, "" if there is none. */
static bool read_interpreter(int fd, char out[PATH_LIMIT])
{
	char head[64], parts[PARTS_MAX * PART_MAX];
	const ssize_t n = pread(fd, head, sizeof head, 0);
	const struct elf_shape *s = n == sizeof head ? shape_of(head) : NULL;
	out[0] = '\0';
	if (!s)
		return true; /* for the kernel to refuse */
	const size_t count = (size_t)number_at(head + s->part_count, 2);
	if (count > PARTS_MAX || number_at(head + s->part_size, 2) != s->size)
		return false;
	const off_t table = (off_t)number_at(head + s->table, s->width);
	if (pread(fd, parts, count * s->size, table) != (ssize_t)(count * s->size))
		return false;
	for (const char *part = parts; part < parts + count * s->size; part += s->size) {
		if (number_at(part, 4) != PT_INTERPRETER)
			continue;
		const uint64_t length = number_at(part + s->length, s->width);
		if (length == 0 || length > PATH_LIMIT ||
		    pread(fd, out, (size_t)length, (off_t)number_at(part + s->offset, s->width)) !=
			    (ssize_t)length)
			return false;
		return out[length - 1] == '\0';
	}
	return true;
}

/* The kernel follows every link to it, also one to our own program (CVE-2019-5736). */
static bool check_interpreter(const struct program *p)
{
	char path[PATH_LIMIT];
	if (!read_interpreter(p->fd, path))
		return refuse(ENOEXEC);
	SCOPED_FD fd = path[0] ? open_executable(path) : -1;
	return fd >= 0 || !path[0];
}

void program_become(const char *const *argv, const char *const *env)
{
	struct program *p = vfork_room();
	struct statvfs fs;
	static_assert(sizeof *p <= VFORK_ROOM_BYTES, "too large for the child's memory");
	p->fd = -1;
	size_t n = 0;
	for (; argv[n] && n < ARGS_MAX; n++)
		p->words[n] = argv[n];
	p->words[n] = NULL;
	if (n == 0 || !find(p, argv[0], env) || !resolve_scripts(p) || !check_interpreter(p))
		return;
	char *const *words = (char *const *)(uintptr_t)p->words;
	char *const *variables = (char *const *)(uintptr_t)env;
	/* Where nobody can write, the path still leads to what was looked at, and the process
	 * gets its name; elsewhere only the open file is sure to. */
	if (fstatvfs(p->fd, &fs) == 0 && (fs.f_flag & ST_RDONLY))
		execve(p->path, words, variables);
	else
		syscall(SYS_execveat, p->fd, "", words, variables, AT_EMPTY_PATH);
}
