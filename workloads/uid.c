#include "workloads/uid.h"

#include <stdio.h>
#include <string.h>

static const char NEXT_KEY[] = "uid-next";

static void key_of(const char *workload, char out[STORE_KEY_MAX])
{
	snprintf(out, STORE_KEY_MAX, "uid/%s", workload);
}

static bool get(struct store *s, const char *key, int64_t *out)
{
	struct bytes kept;
	if (store_get(s, key, &kept) || kept.len != sizeof *out)
		return false;
	memcpy(out, kept.at, sizeof *out);
	return true;
}

static enum err put(struct store *s, const char *key, int64_t n, struct why *why)
{
	return store_put(s, key, (struct bytes){ (const char *)&n, sizeof n }, why);
}

enum err uid_take(struct store *s, const char *workload, int64_t *out_uid, struct why *why)
{
	char key[STORE_KEY_MAX];
	key_of(workload, key);
	if (get(s, key, out_uid))
		return OK;

	/* The range goes round: 65536 other containers lie between two uses. */
	int64_t next = 0;
	get(s, NEXT_KEY, &next);
	*out_uid = UID_FIRST + next % UID_COUNT;
	enum err e = store_begin(s, why);
	if (e)
		return e;
	e = put(s, NEXT_KEY, next + 1, why);
	if (!e)
		e = put(s, key, *out_uid, why);
	if (!e)
		return store_commit(s, why);
	store_rollback(s);
	return e;
}

void uid_release(struct store *s, const char *workload)
{
	char key[STORE_KEY_MAX];
	key_of(workload, key);
	/* What stays behind is one small row. */
	if (store_remove(s, key, NULL))
		return;
}
