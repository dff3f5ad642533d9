#include "base/quantity.h"
#include "cloud/skerry/scratch.h"
#include "cloud/skerry/upload.h"
#include "cloud/skerry/verbs.h"
#include "ports/json.h"

#include <stdio.h>
#include <stdlib.h>

static void print_packed(const struct options *o, const struct packed *p)
{
	char size[16];
	if (o->json) {
		struct json *j = json_new_object();
		json_set_string(j, "digest", p->digest);
		json_set_integer(j, "bytes", p->bytes);
		char *text = json_print_pretty(j);
		puts(text);
		free(text);
		json_free(j);
		return;
	}
	quantity_print(size, p->bytes);
	puts(p->digest);
	fprintf(stderr, "%sB in %zu blobs; in a manifest: image: NAME@%s\n", size,
		p->layer_count + 2, p->digest);
}

static enum err pack_word(struct options *o, struct scratch *s, struct packed *p, struct why *why)
{
	if (o->word_count != 1)
		return why_set(why, ERR_INVALID, "one folder or tar is expected");
	enum err e = scratch_open(s, why);
	return e ? e : pack_image(o->words[0], o->architecture, &s->blobs, p, why);
}

enum exit_code verb_pack(struct options *o)
{
	struct scratch s = { 0 };
	struct packed p;
	struct why why;
	enum err e = pack_word(o, &s, &p, &why);
	if (!e && o->output)
		e = pack_write_layout(&p, &s.blobs, o->output, &why);
	scratch_close(&s);
	if (!e)
		print_packed(o, &p);
	return exit_code_tell(e, &why);
}

enum exit_code verb_push(struct options *o)
{
	struct scratch s = { 0 };
	static struct packed p; /* too large for the stack, with the upload */
	struct desk d = { 0 };
	struct upload u;
	struct why why;
	enum err e = pack_word(o, &s, &p, &why);
	if (!e)
		e = desk_open(&d, o, &why);
	if (!e)
		e = upload_image(&u, &d, &s.blobs, &p, &why);
	bool interrupted = d.interrupted;
	desk_close(&d);
	scratch_close(&s);
	if (interrupted)
		return EXIT_CODE_INTERRUPTED;
	if (!e)
		print_packed(o, &p);
	return exit_code_tell(e, &why);
}
