#include "workloads/job.h"

#include <stdio.h>
#include <string.h>

static void key_of(const char *what, const char *name, char out[STORE_KEY_MAX])
{
	snprintf(out, STORE_KEY_MAX, "%s/%s", what, name);
}

enum job_end job_recall(struct store *s, const char *name, const char *digest)
{
	char key[STORE_KEY_MAX];
	struct bytes kept;
	key_of("job", name, key);
	if (store_get(s, key, &kept) || kept.len != 1 + DIGEST_LEN ||
	    memcmp(kept.at + 1, digest, DIGEST_LEN) != 0)
		return JOB_OPEN;
	return kept.at[0] == 'c' ? JOB_COMPLETE : JOB_FAILED;
}

enum err job_note(struct store *s, const char *name, const char *digest, enum job_end end,
		  struct why *why)
{
	char key[STORE_KEY_MAX], value[DIGEST_SIZE + 1];
	key_of("job", name, key);
	snprintf(value, sizeof value, "%c%.*s", end == JOB_COMPLETE ? 'c' : 'f', DIGEST_LEN,
		 digest);
	return store_put(s, key, bytes_of(value), why);
}

int64_t job_last_time(struct store *s, const char *name)
{
	char key[STORE_KEY_MAX];
	struct bytes kept;
	int64_t ms;
	key_of("schedule", name, key);
	if (store_get(s, key, &kept) || kept.len != sizeof ms)
		return 0;
	memcpy(&ms, kept.at, sizeof ms);
	return ms;
}

enum err job_note_time(struct store *s, const char *name, int64_t wall_ms, struct why *why)
{
	char key[STORE_KEY_MAX];
	key_of("schedule", name, key);
	return store_put(s, key, (struct bytes){ (const char *)&wall_ms, sizeof wall_ms }, why);
}

void job_forget(struct store *s, const char *name)
{
	char key[STORE_KEY_MAX];
	key_of("job", name, key);
	(void)!store_remove(s, key, NULL); /* what stays behind is one small row */
	key_of("schedule", name, key);
	(void)!store_remove(s, key, NULL);
}
