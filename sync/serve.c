#include "sync/serve.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "ports/json.h"

#include <stdio.h>

enum { BLOCKS_MAX = 32, REST_MAX = 64 };

struct request {
	char id[LABEL_SIZE], digest[DIGEST_SIZE];
	int64_t offset, len, count;
};

static enum err read_request(struct bytes payload, struct request *out, struct why *why)
{
	struct json *j;
	enum err e = json_parse(payload, &j, why);
	if (e)
		return e;
	const char *id = json_string(json_member(j, "id"));
	const char *digest = json_string(json_member(j, "d"));
	bool good = id && label_is_valid(bytes_of(id)) && digest &&
		    label_is_digest(bytes_of(digest)) &&
		    json_integer(json_member(j, "off"), &out->offset) && out->offset >= 0 &&
		    json_integer(json_member(j, "len"), &out->len) && out->len > 0 &&
		    out->len <= BLOB_BLOCK && json_integer(json_member(j, "n"), &out->count) &&
		    out->count > 0;
	if (good) {
		strcpy(out->id, id);
		strcpy(out->digest, digest);
		if (out->count > BLOCKS_MAX)
			out->count = BLOCKS_MAX;
	}
	json_free(j);
	return good ? OK : why_set(why, ERR_INVALID, "blob/get without id, d, off, len or n");
}

static void answer_error(const struct request *r, const char *text, const struct serve_hooks *hooks)
{
	char rest[REST_MAX + LABEL_SIZE];
	snprintf(rest, sizeof rest, "blob/%s/err", r->id);
	hooks->answer(hooks->owner, rest, bytes_of(text));
}

enum err serve_blocks(const struct blobs *b, struct bytes request, const struct serve_hooks *hooks,
		      struct why *why)
{
	struct request r;
	SCOPED_MEMORY char *block = malloc(BLOB_BLOCK);
	enum err e = read_request(request, &r, why);
	if (e || !block)
		return e;
	for (int64_t i = 0; i < r.count; i++) {
		char rest[REST_MAX + LABEL_SIZE];
		struct why inner;
		size_t len;
		int64_t total, offset = r.offset + i * r.len;
		if (blobs_read(b, r.digest, offset, block, (size_t)r.len, &len, &total, &inner)) {
			answer_error(&r, "not here", hooks);
			break;
		}
		snprintf(rest, sizeof rest, "blob/%s/%lld", r.id, (long long)offset);
		hooks->answer(hooks->owner, rest, (struct bytes){ block, len });
		if (offset + (int64_t)len >= total && len < (size_t)r.len)
			break;
	}
	return OK;
}
