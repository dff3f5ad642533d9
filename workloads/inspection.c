#include "workloads/inspection.h"

#include <string.h>

static bool has(char (*list)[DIGEST_SIZE], size_t count, const char *digest)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], digest) == 0)
			return true;
	return false;
}

void inspection_pass(struct inspection *i, const char *digest)
{
	const size_t kept = i->passed_count < INSPECTION_MAX ? i->passed_count : INSPECTION_MAX;
	if (has(i->passed, kept, digest))
		return;
	strcpy(i->passed[i->passed_count % INSPECTION_MAX], digest);
	i->passed_count++;
}

static bool has_passed(struct inspection *i, const char *digest)
{
	return has(i->passed, i->passed_count < INSPECTION_MAX ? i->passed_count : INSPECTION_MAX,
		   digest);
}

static void take_first(struct inspection *i, char out[DIGEST_SIZE])
{
	strcpy(out, i->queue[0]);
	memmove(i->queue[0], i->queue[1], (--i->queued) * sizeof *i->queue);
}

static void run_next(struct inspection *i);

/* Only what is known to be damaged is not started: a board that cannot look (out of
 * memory, say) is better off with its workloads. */
static void conclude(struct inspection *i, enum err e, struct why *why)
{
	char digest[DIGEST_SIZE];
	take_first(i, digest);
	if (e != ERR_CORRUPT) {
		inspection_pass(i, digest);
		e = OK;
	} else if (!image_is_ready(i->run.images, digest)) {
		e = why_set(why, ERR_NOT_FOUND, "its image is not needed any more");
	} else if (image_discard(i->run.images, digest, NULL)) {
		e = why_set(why, ERR_CORRUPT, "image: damaged, and cannot be set aside");
	}
	i->is_running = false;
	i->on_inspected(i->owner, digest, e, why);
	run_next(i);
}

static void on_done(void *owner, enum err e, const struct why *why)
{
	struct why copy = *why;
	conclude(owner, e, &copy);
}

static void run_next(struct inspection *i)
{
	struct why why;
	if (i->is_running || !i->queued)
		return;
	i->is_running = true;
	enum err e = unpacking_verify(&i->run, i->loop, i->queue[0], &why);
	if (e)
		conclude(i, e, &why);
}

void inspection_init(struct inspection *i, struct loop *l, const struct images *images, void *owner)
{
	i->loop = l;
	i->owner = owner;
	unpacking_init(&i->run, images, i, on_done);
}

enum err inspection_ask(struct inspection *i, const char *digest, struct why *why)
{
	if (!image_is_ready(i->run.images, digest))
		return why_set(why, ERR_NOT_FOUND, "its image is not there");
	if (has_passed(i, digest))
		return OK;
	if (!has(i->queue, i->queued, digest)) {
		if (i->queued == INSPECTION_MAX)
			return OK;
		strcpy(i->queue[i->queued++], digest);
		run_next(i);
	}
	return has_passed(i, digest) ? OK : why_set(why, ERR_AGAIN, "its image is looked through");
}

void inspection_deinit(struct inspection *i)
{
	unpacking_stop(&i->run);
	i->queued = 0;
	i->is_running = false;
}
