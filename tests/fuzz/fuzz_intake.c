/*
 * fuzz_intake - letters of a hostile device, into the hub's database.
 *
 * The first byte chooses the topic; of telemetry as columns the columns are compressed here,
 * so that they can be varied. What was written is forgotten after each input.
 */
#include "cloud/hub/intake.h"
#include "ports/compress.h"
#include "tests/fuzz/fuzz.h"

enum { LETTER_MAX = 64 * 1024 };

static const char *const topics[] = {
	"skerry1/main/drone-07/up/telec/camera", "skerry1/main/drone-07/up/tele/camera",
	"skerry1/main/drone-07/up/log/camera",   "skerry1/main/drone-07/up/event",
	"skerry1/main/drone-07/up/telec/camera",
};

static struct intake *hub(struct ledger *ledger)
{
	static struct intake intake;
	if (!ledger->sql &&
	    (ledger_open(ledger, ":memory:", NULL) || intake_open(&intake, ledger, NULL)))
		abort();
	return &intake;
}

/* A head and columns as they travel. */
static struct bytes pack(struct bytes rest, char room[LETTER_MAX])
{
	const struct bytes head = fuzz_piece(&rest);
	size_t len = 0;
	if (head.len > LETTER_MAX / 2 ||
	    compress_pack(rest, room + head.len, LETTER_MAX - head.len, &len))
		return rest;
	if (head.len)
		memcpy(room, head.at, head.len);
	return (struct bytes){ room, head.len + len };
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct ledger ledger;
	static char room[LETTER_MAX];
	struct bytes rest = { (const char *)at, len };
	struct intake *intake = hub(&ledger);
	struct intake_receipt receipt;
	struct why why = { "" };
	struct topic t;
	const size_t which = fuzz_byte(&rest) % (sizeof topics / sizeof *topics);
	if (topic_parse(topics[which], &t) || ledger_begin(&ledger, NULL))
		abort();
	if (which == 0)
		rest = pack(rest, room);
	enum err e = intake_batch(intake, &t, rest, &receipt, &why);
	assert(!e || (e == ERR_INVALID && why.text[0]));
	assert(e || (receipt.seq > 0 && receipt.buf[0]));
	ledger_rollback(&ledger);
	return 0;
}
