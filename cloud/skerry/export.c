/* What waits on this board, carried away on a stick. */
#include "agent/config.h"
#include "base/text.h"
#include "cloud/skerry/local.h"
#include "cloud/skerry/stick.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "sync/envelope.h"
#include "sync/outbox.h"

#include <string.h>
#include <unistd.h>

static const char CONFIG_FILE[] = "/etc/skerry/skerryd.conf";

struct export
{
	const struct options *options;
	const char *where;
	struct config config;
	char buf[OUTBOX_BUF_SIZE];
	struct stick_writer writer;
	int64_t freed; /* letters and files that an earlier import has brought to the hub */
};

/* --- what came back --- */

static enum err hand_over(void *owner, const struct json *line, struct why *why)
{
	struct export *x = owner;
	struct json *request = json_new_object(), *answer;
	json_set_string(request, "verb", "receipt");
	json_set(request, "receipt", json_copy(line));
	enum err e = local_ask(x->options->run_dir, request, &answer, why);
	json_free(request);
	if (e)
		return e;
	json_free(answer);
	x->freed++;
	return OK;
}

/* A folder of ours that was imported: the agent may let go, and the folder goes. */
static void take_back(void *owner, const char *name)
{
	struct export *x = owner;
	char prefix[LABEL_SIZE + 16], folder[STICK_PATH_MAX], path[STICK_PATH_MAX];
	struct why why;
	snprintf(prefix, sizeof prefix, "skerry-%s-", x->config.device);
	stick_path(x->where, name, folder);
	stick_path(folder, "receipt", path);
	if (!text_starts(name, prefix) || !stick_is_one(folder) || !file_exists(path))
		return;
	enum err e = stick_each_line(folder, "receipt", hand_over, x, &why);
	if (e)
		fprintf(stderr, "warning: the receipt in %s was not handed to the agent: %s\n",
			folder, why.text);
	else
		(void)!dir_remove(folder, NULL);
}

/* --- what goes --- */

static enum err add_letters(struct export *x, struct store *s, struct why *why)
{
	static char scratch[ENVELOPE_SCRATCH];
	const struct envelope to = { x->config.device, x->buf, envelope_boot_flags() };
	char rest[TOPIC_MAX];
	struct bytes payload;
	struct letter l;
	enum err e = OK;
	for (enum letter_class c = 0; !e && c < LETTER_CLASSES; c++) {
		for (int64_t at = 0; !e && store_next(s, c, at, STORE_SEQ_MAX, &l) == OK;) {
			at = l.seq;
			if (envelope_make(&to, &l, scratch, rest, &payload) == OK)
				e = stick_add_letter(&x->writer, rest, payload, why);
			else
				fprintf(stderr, "warning: letter %lld does not read back\n",
					(long long)at);
		}
	}
	return e;
}

struct copying {
	struct export *export;
	const struct spool *spool;
	enum err err;
	struct why *why;
};

static void add_file(void *owner, const struct spool_file *f)
{
	struct copying *c = owner;
	if (!c->err)
		c->err = stick_add_file(&c->export->writer, c->spool, f, c->why);
	if (c->err == ERR_NOT_FOUND) /* the link was quicker */
		c->err = OK;
}

static enum err add_files(struct export *x, struct why *why)
{
	struct spool spool;
	struct copying c = { x, &spool, OK, why };
	char path[PATH_LIMIT];
	snprintf(path, sizeof path, "%s/spool", x->config.state_dir);
	if (!file_exists(path))
		return OK;
	enum err e = spool_open(&spool, path, why);
	if (e)
		return e;
	spool_each(&spool, add_file, &c);
	return c.err;
}

static enum err read_buf(struct export *x, struct store *s, struct why *why)
{
	struct bytes kept;
	if (store_get(s, OUTBOX_BUF_KEY, &kept))
		return why_set(why, ERR_NOT_FOUND, "no agent has ever run with %s",
			       x->config.state_dir);
	text_copy(x->buf, sizeof x->buf, kept);
	return OK;
}

/* What signs: the file that is named, else the board's own for its broker. */
static const char *key_of(const struct export *x)
{
	const struct option_list *named = &x->options->keys;
	if (named->count)
		return named->items[0];
	return x->config.tls_key[0] ? x->config.tls_key : NULL;
}

static enum err write_stick(struct export *x, struct store *s, struct why *why)
{
	enum err e = stick_create(&x->writer, x->where, x->config.device, x->buf, why);
	if (!e)
		e = add_letters(x, s, why);
	if (!e)
		e = add_files(x, why);
	if (e)
		return e;
	struct json *manifest = json_new_object();
	json_set_string(manifest, "fleet", x->config.fleet);
	json_set_string(manifest, "device", x->config.device);
	json_set_string(manifest, "buf", x->buf);
	json_set_integer(manifest, "t", clock_wall_ms());
	return stick_finish(&x->writer, manifest, key_of(x), why);
}

/* What has not reached the flash yet; an agent that does not run has nothing in memory. */
static void ask_to_flush(const struct export *x)
{
	struct json *request = json_new_object(), *answer;
	struct why why;
	json_set_string(request, "verb", "flush");
	if (local_ask(x->options->run_dir, request, &answer, &why) == OK)
		json_free(answer);
	else
		fprintf(stderr, "warning: what the agent has in memory stays there: %s\n",
			why.text);
	json_free(request);
}

static enum err run(struct export *x, struct why *why)
{
	struct store *s = NULL;
	char path[PATH_LIMIT];
	config_init(&x->config);
	enum err e =
		config_read(&x->config, x->options->config ? x->options->config : CONFIG_FILE, why);
	if (!e && access(x->where, W_OK))
		e = why_set(why, ERR_NOT_FOUND, "%s is not there, or cannot be written to",
			    x->where);
	if (e)
		return e;
	e = dir_each(x->where, take_back, x, why);
	ask_to_flush(x);
	snprintf(path, sizeof path, "%s/skerry.db", x->config.state_dir);
	if (!e)
		e = store_open_read(path, &s, why);
	if (!e)
		e = read_buf(x, s, why);
	if (!e)
		e = write_stick(x, s, why);
	store_close(s);
	return e;
}

static void tell(const struct export *x)
{
	if (x->freed)
		printf("receipts for %lld messages and files were handed to the agent\n",
		       (long long)x->freed);
	printf("%lld messages (%lld bytes) and %lld files (%lld bytes) are in %s\n"
	       "%s"
	       "Bring it to the hub: skerry import %s. What is imported may come over the link,\n"
	       "too: the hub counts it once.\n",
	       (long long)x->writer.letter_count, (long long)x->writer.letter_bytes,
	       (long long)x->writer.file_count, (long long)x->writer.file_bytes, x->writer.folder,
	       key_of(x) ? "" : "Nobody has signed it: --sign FILE.pem does.\n", x->where);
}

enum exit_code verb_export(struct options *o)
{
	static struct export x;
	struct why why;
	x.options = o;
	if (o->word_count != 1)
		return exit_code_tell(
			why_set(&why, ERR_INVALID, "where to? a folder, such as a stick"), &why);
	x.where = o->words[0];
	enum err e = run(&x, &why);
	if (!e)
		tell(&x);
	stick_drop(&x.writer);
	return exit_code_tell(e, &why);
}
