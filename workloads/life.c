#include "workloads/life.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"

#include <stdio.h>

enum { LIFE_MAX = 512 };

enum err life_write(const char *folder, const struct life *l)
{
	char path[PATH_LIMIT + 16], content[LIFE_MAX];
	struct text t = text_in(content, sizeof content);
	snprintf(path, sizeof path, "%s/pod", folder);
	text_add(&t, "began %lld %s\n", (long long)l->began_ms, l->digest);
	if (l->reason[0])
		text_add(&t, "failed %s %s\n", l->reason, l->message);
	enum err e = dir_make(folder, 0700, NULL);
	return e ? e : file_replace(path, text_bytes(&t), false, NULL);
}

enum err life_read(const char *folder, struct life *out)
{
	char path[PATH_LIMIT + 16];
	SCOPED_MEMORY char *content = NULL;
	long long began;
	size_t len;
	*out = (struct life){ 0 };
	snprintf(path, sizeof path, "%s/pod", folder);
	enum err e = file_read(path, LIFE_MAX, &content, &len, NULL);
	if (e)
		return e;
	if (sscanf(content, "began %lld %71s", &began, out->digest) != 2)
		return ERR_NOT_FOUND;
	out->began_ms = began;
	(void)!sscanf(content, "began %*d %*s failed %39s %159[^\n]", out->reason, out->message);
	return OK;
}
