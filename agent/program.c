#include "agent/program.h"

#include "ports/file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum err program_find(const char *name, char out[PROGRAM_PATH_MAX], struct why *why)
{
	char self[128];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n > 0) {
		self[n] = '\0';
		char *slash = strrchr(self, '/');
		snprintf(out, PROGRAM_PATH_MAX, "%.*s/%s", (int)(slash - self), self, name);
		if (file_exists(out))
			return OK;
	}
	snprintf(out, PROGRAM_PATH_MAX, "/usr/libexec/skerry/%s", name);
	if (file_exists(out))
		return OK;
	return why_set(why, ERR_NOT_FOUND,
		       "%s is neither beside skerryd nor in /usr/libexec/skerry", name);
}
