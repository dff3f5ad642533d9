/*
 * fuzz_parcel - what a hub answers to a board that carries it a file: pieces, one an answer.
 *
 * A file leaves the flash only when the hub says that it is done, or has refused it
 * PARCEL_REFUSALS times; nothing is sent that the file does not have.
 */
#include "sync/parcel.h"
#include "tests/fuzz/folder.h"

enum { FILE_BYTES = 200 * 1000, ANSWERS_MAX = 64 };

struct fixture {
	struct parcel parcel;
	struct spool spool;
	size_t gone, blocks;
};

static struct fixture *sending;

/* The link, in place of sync/link.c and sync/uplink.c: everything arrives. */
enum err link_publish(struct link *l, const char *rest, struct bytes payload, int qos, bool retain,
		      int *out_ticket)
{
	(void)l;
	(void)qos;
	(void)retain;
	assert(strncmp(rest, "up/file/", 8) == 0 && payload.len <= PARCEL_BLOCK_MAX);
	if (out_ticket)
		*out_ticket = (int)++sending->blocks;
	return OK;
}

bool uplink_lets_pass(struct uplink *u, int64_t *out_wait_ms)
{
	(void)u;
	*out_wait_ms = 0;
	return true;
}

void uplink_spend(struct uplink *u, size_t bytes)
{
	(void)u;
	assert(bytes);
}

static void on_gone(void *owner, const struct spool_file *f, const char *refused)
{
	struct fixture *x = owner;
	(void)f;
	(void)refused;
	x->gone++;
}

static void put_file(const struct spool *s)
{
	char folder[200], path[400];
	static char content[FILE_BYTES];
	snprintf(path, sizeof path, "%s", "");
	if (spool_folder(s, "camera", folder, sizeof folder, NULL))
		abort();
	snprintf(path, sizeof path,
		 "%s/0-0000000000001-"
		 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad-photo",
		 folder);
	if (file_replace(path, (struct bytes){ content, sizeof content }, false, NULL))
		abort();
}

static void answer(struct fixture *f, struct bytes payload)
{
	struct parcel *p = &f->parcel;
	char id[SPOOL_ID_SIZE];
	memcpy(id, p->id, sizeof id);
	parcel_on_answer(p, id[0] ? id : "another", payload);
	assert(p->have >= 0 && p->have <= FILE_BYTES && p->sent <= FILE_BYTES);
	assert(p->block >= PARCEL_BLOCK_MIN && p->block <= PARCEL_BLOCK_MAX);
	for (size_t i = 0; i < PARCEL_BLOCKS; i++)
		if (p->blocks[i].ticket)
			parcel_on_delivered(p, p->blocks[i].ticket);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes rest = { (const char *)at, len };
	struct fixture f = { .gone = 0 };
	static struct link link;
	static struct uplink uplink;
	struct loop *loop;
	const struct parcel_hooks hooks = { &f, on_gone };
	link.is_up = true;
	sending = &f;
	if (loop_open(&loop, NULL) || spool_open(&f.spool, fuzz_folder(), NULL))
		abort();
	put_file(&f.spool);
	spool_count(&f.spool, NULL, NULL);
	parcel_init(&f.parcel, loop, &link, &uplink, &f.spool, &hooks);
	parcel_on_up(&f.parcel);
	for (size_t i = 0; rest.len && i < ANSWERS_MAX; i++) {
		answer(&f, fuzz_piece(&rest));
		if (loop_turn(loop, 0, NULL))
			abort();
	}
	assert(f.gone <= 1 && f.spool.total.files == (f.gone ? 0 : 1));
	parcel_close(&f.parcel);
	loop_close(loop);
	fuzz_folder_remove();
	return 0;
}
