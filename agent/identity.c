#include "agent/identity.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"

#include <assert.h>
#include <stdio.h>

enum { SLOTS_LINE_MAX = 8 };

static const char SLOTS[] = "slots";

void identity_path(const struct identity *i, const char *name, char out[IDENTITY_PATH_MAX])
{
	snprintf(out, IDENTITY_PATH_MAX, "%s/%s", i->folder, name);
}

void identity_key_path(const struct identity *i, char slot, char out[IDENTITY_PATH_MAX])
{
	const char name[] = { slot, '.', 'k', 'e', 'y', '\0' };
	identity_path(i, name, out);
}

void identity_cert_path(const struct identity *i, char slot, char out[IDENTITY_PATH_MAX])
{
	const char name[] = { slot, '.', 'p', 'e', 'm', '\0' };
	identity_path(i, name, out);
}

bool identity_is_wanted(const struct config *c)
{
	return c->broker.tls && !c->tls_cert[0];
}

/* --- the line that decides --- */

static bool read_slot(char c, char *out)
{
	*out = c;
	if (c == '-')
		*out = '\0';
	return c == 'a' || c == 'b' || c == '-';
}

static enum err read_slots(struct identity *i, struct why *why)
{
	char path[IDENTITY_PATH_MAX];
	SCOPED_MEMORY char *line = NULL;
	size_t len = 0;
	identity_path(i, SLOTS, path);
	enum err e = file_read(path, SLOTS_LINE_MAX, &line, &len, why);
	if (e == ERR_NOT_FOUND)
		return e;
	if (e || len != 4 || line[1] != ' ' || line[3] != '\n' ||
	    !read_slot(line[0], &i->current) || !read_slot(line[2], &i->next) ||
	    i->current == i->next) {
		i->current = i->next = '\0';
		return why_set(why, ERR_CORRUPT,
			       "%s does not read back: remove it and join again (skerry device "
			       "add, skerryd join)",
			       path);
	}
	return OK;
}

static enum err write_slots(const struct identity *i, char current, char next, struct why *why)
{
	char path[IDENTITY_PATH_MAX], line[SLOTS_LINE_MAX];
	identity_path(i, SLOTS, path);
	snprintf(line, sizeof line, "%c %c\n", current ? current : '-', next ? next : '-');
	return file_replace(path, bytes_of(line), true, why);
}

/* What is in a slot that the line does not name: of no use to anybody. */
static enum err clear(const struct identity *i, char slot, struct why *why)
{
	char path[IDENTITY_PATH_MAX];
	identity_cert_path(i, slot, path);
	enum err e = file_remove(path, why);
	if (e)
		return e;
	identity_key_path(i, slot, path);
	return file_remove(path, why);
}

static char other(char slot)
{
	if (slot == 'a')
		return 'b';
	return 'a';
}

/* --- the calls --- */

char identity_slot(const struct identity *i)
{
	if (i->current)
		return i->current;
	return i->next;
}

enum err identity_open(struct identity *i, const struct config *c, struct why *why)
{
	*i = (struct identity){ 0 };
	snprintf(i->folder, sizeof i->folder, "%s/identity", c->state_dir);
	return read_slots(i, why);
}

enum err identity_tidy(const struct identity *i, struct why *why)
{
	return i->current && i->next ? OK : clear(i, other(identity_slot(i)), why);
}

static enum err make_key(const char *path, struct why *why)
{
	char secret[KEY_TEXT_MAX], shown[KEY_TEXT_MAX];
	enum err e = key_make(secret, shown, why);
	if (!e)
		e = file_replace(path, bytes_of(secret), true, why);
	key_wipe(secret, sizeof secret);
	return e;
}

enum err identity_begin(struct identity *i, struct why *why)
{
	char path[IDENTITY_PATH_MAX];
	if (i->next)
		return OK;
	const char slot = other(i->current);
	enum err e = dir_make(i->folder, 0700, why);
	if (!e)
		e = clear(i, slot, why);
	identity_key_path(i, slot, path);
	if (!e)
		e = make_key(path, why);
	if (!e)
		e = write_slots(i, i->current, slot, why);
	if (!e)
		i->next = slot;
	return e;
}

bool identity_is_ready(const struct identity *i)
{
	char path[IDENTITY_PATH_MAX];
	if (!i->next)
		return false;
	identity_cert_path(i, i->next, path);
	return file_exists(path);
}

enum err identity_take(struct identity *i, const char *device, const struct chain *chain,
		       struct why *why)
{
	char key[IDENTITY_PATH_MAX], cert[IDENTITY_PATH_MAX], issuer[IDENTITY_PATH_MAX];
	assert(i->next);
	identity_key_path(i, i->next, key);
	identity_cert_path(i, i->next, cert);
	identity_path(i, "issuer.pem", issuer);
	const struct certificate_demand demand = { device, key, issuer };
	enum err e = certificate_check(chain->der, chain->count, &demand, why);
	if (e)
		return e;
	SCOPED_MEMORY char *pem = chain_print(chain);
	if (!pem)
		return why_set(why, ERR_SYSTEM, "no memory");
	return file_replace(cert, bytes_of(pem), true, why);
}

enum err identity_commit(struct identity *i, struct why *why)
{
	const char old = i->current;
	enum err e = write_slots(i, i->next, '\0', why);
	if (e)
		return e;
	i->current = i->next;
	i->next = '\0';
	return old ? clear(i, old, why) : OK;
}

enum err identity_give_up(struct identity *i, struct why *why)
{
	char path[IDENTITY_PATH_MAX];
	const char slot = i->next;
	identity_path(i, SLOTS, path);
	enum err e = i->current ? write_slots(i, i->current, '\0', why) : file_remove(path, why);
	if (e)
		return e;
	i->next = '\0';
	return slot ? clear(i, slot, why) : OK;
}
