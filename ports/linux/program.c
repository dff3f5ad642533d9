#include "ports/linux/program.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/linux/kernel.h"

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

static bool open_program(struct program *p, const char *path)
{
	struct stat st;
	struct statfs fs;
	SCOPED_FD fd = kernel_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
				   KERNEL_NO_MAGICLINKS);
	/* A program need not be readable to be run. */
	if (fd < 0 && errno == EACCES)
		fd = kernel_open(AT_FDCWD, path, O_PATH | O_CLOEXEC, KERNEL_NO_MAGICLINKS);
	if (fd < 0 || fstat(fd, &st) || fstatfs(fd, &fs))
		return false;
	if (!S_ISREG(st.st_mode) || (long)fs.f_type == PROC_MAGIC)
		return refuse(EACCES);
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

void program_become(const char *const *argv, const char *const *env)
{
	static struct program p; /* too large for a borrowed stack; used once in a child */
	struct statvfs fs;
	p.fd = -1;
	size_t n = 0;
	for (; argv[n] && n < ARGS_MAX; n++)
		p.words[n] = argv[n];
	p.words[n] = NULL;
	if (n == 0 || !find(&p, argv[0], env) || !resolve_scripts(&p))
		return;
	char *const *words = (char *const *)(uintptr_t)p.words;
	char *const *variables = (char *const *)(uintptr_t)env;
	/* Where nobody can write, the path still leads to what was looked at, and the process
	 * gets its name; elsewhere only the open file is sure to. */
	if (fstatvfs(p.fd, &fs) == 0 && (fs.f_flag & ST_RDONLY))
		execve(p.path, words, variables);
	else
		syscall(SYS_execveat, p.fd, "", words, variables, AT_EMPTY_PATH);
}
