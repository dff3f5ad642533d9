#include "workloads/passwd.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"

#include <string.h>

static const char PASSWD[] = "/etc/passwd";
static const char GROUP[] = "/etc/group";

/* One of the files, whole; no file is an empty one. */
static enum err read_file(const char *root, const char *name, char **out, struct why *why)
{
	size_t len = 0;
	enum err e = file_read_in(root, name, PASSWD_FILE_MAX, out, &len, why);
	if (e == ERR_NOT_FOUND) {
		*out = strdup("");
		return *out ? OK : why_set(why, ERR_SYSTEM, "no memory");
	}
	if (!e && strlen(*out) != len)
		e = why_set(why, ERR_INVALID, "it has NUL bytes");
	return e ? why_set(why, e == ERR_FULL ? ERR_INVALID : e, "%s of the image: %s", name,
			   e == ERR_FULL ? "larger than 1 MiB" : "not readable")
		 : OK;
}

/* --- lines of fields with : between them --- */

enum { FIELDS_MAX = 4 };

struct line {
	struct bytes fields[FIELDS_MAX];
	size_t count;
};

/* False: there is none left. */
static bool next_line(const char **at, struct line *out)
{
	*out = (struct line){ 0 };
	if (!**at)
		return false;
	const char *end = *at + strcspn(*at, "\n");
	for (const char *p = *at; p <= end && out->count < FIELDS_MAX;) {
		const size_t n = strcspn(p, ":\n");
		out->fields[out->count++] = (struct bytes){ p, n };
		p += n + 1;
	}
	*at = *end ? end + 1 : end;
	return true;
}

static bool is(struct bytes field, struct bytes word)
{
	return field.len == word.len && memcmp(field.at, word.at, word.len) == 0;
}

static bool read_id(struct bytes s, int64_t *out)
{
	long long n;
	if (!s.len || s.at[0] == '-' || text_number(s, 0, INT32_MAX, &n))
		return false;
	*out = n;
	return true;
}

/* The first line of a file whose field `at` is `word`. */
static bool find_line(const char *text, size_t at, struct bytes word, struct line *out)
{
	while (next_line(&text, out))
		if (out->count > at && is(out->fields[at], word))
			return true;
	return false;
}

/* A list with , between its words. */
static bool lists(struct bytes list, struct bytes word)
{
	const char *p = list.at, *end = list.at + list.len;
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;
		if (is((struct bytes){ p, (size_t)(stop - p) }, word))
			return true;
		p = stop + 1;
	}
	return false;
}

/* --- the parts of a user string --- */

static bool is_name(struct bytes s)
{
	if (!s.len || s.len > PASSWD_NAME_MAX || (s.at[0] >= '0' && s.at[0] <= '9') ||
	    s.at[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.at[i];
		const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				  (c >= '0' && c <= '9') || strchr("_.-", c);
		if (!fits || !c)
			return false;
	}
	return true;
}

static enum err refuse(struct why *why, const char *what, struct bytes s)
{
	return why_set(why, ERR_INVALID,
		       "%s \"%.*s\" of the image is neither a number below 2^31 nor a name", what,
		       s.len > 40 ? 40 : (int)s.len, s.at);
}

enum { NAME_AT, PASSWORD_AT, ID_AT, MORE_AT };

/* A number stands for itself; what it is called is looked up all the same. */
static enum err find_user(const char *passwd, struct bytes s, struct user *out,
			  struct bytes *out_name, struct why *why)
{
	struct line line;
	const bool is_number = read_id(s, &out->uid);
	*out_name = is_number ? (struct bytes){ "", 0 } : s;
	if (!is_number && !is_name(s))
		return refuse(why, "user", s);
	if (!find_line(passwd, is_number ? ID_AT : NAME_AT, s, &line)) {
		if (is_number || is(s, BYTES_LIT("root")))
			return OK;
		return why_set(why, ERR_INVALID, "user \"%.*s\" is not in %s of the image",
			       (int)s.len, s.at, PASSWD);
	}
	*out_name = line.fields[NAME_AT];
	if (line.count <= MORE_AT || !read_id(line.fields[ID_AT], &out->uid) ||
	    !read_id(line.fields[MORE_AT], &out->gid))
		return why_set(why, ERR_INVALID,
			       "%s of the image: user \"%.*s\" has no ids below 2^31", PASSWD,
			       (int)s.len, s.at);
	return OK;
}

static enum err find_group(const char *groups, struct bytes s, int64_t *out, struct why *why)
{
	struct line line;
	if (read_id(s, out))
		return OK;
	if (!is_name(s))
		return refuse(why, "group", s);
	*out = 0;
	if (!find_line(groups, NAME_AT, s, &line))
		return is(s, BYTES_LIT("root"))
			       ? OK
			       : why_set(why, ERR_INVALID,
					 "group \"%.*s\" is not in %s of the image", (int)s.len,
					 s.at, GROUP);
	if (line.count <= ID_AT || !read_id(line.fields[ID_AT], out))
		return why_set(why, ERR_INVALID,
			       "%s of the image: group \"%.*s\" has no id below 2^31", GROUP,
			       (int)s.len, s.at);
	return OK;
}

/* The groups that list the name; an unusable line is no group. */
static enum err add_groups(const char *groups, struct bytes name, struct user *out, struct why *why)
{
	struct line line;
	while (name.len && next_line(&groups, &line)) {
		int64_t gid;
		if (line.count <= MORE_AT || !lists(line.fields[MORE_AT], name) ||
		    !read_id(line.fields[ID_AT], &gid) || gid == 0)
			continue;
		if (out->group_count == GROUPS_MAX)
			return why_set(why, ERR_FULL,
				       "%s of the image: \"%.*s\" is in more than"
				       " %d groups",
				       GROUP, (int)name.len, name.at, GROUPS_MAX);
		out->groups[out->group_count++] = gid;
	}
	return OK;
}

/* "user" or "user:group", each with something in it. */
static enum err split(const char *text, struct bytes *user, struct bytes *group, struct why *why)
{
	const char *colon = strchr(text, ':');
	*user = colon ? (struct bytes){ text, (size_t)(colon - text) } : bytes_of(text);
	*group = colon ? bytes_of(colon + 1) : (struct bytes){ NULL, 0 };
	if (!user->len || (colon && (!group->len || strchr(colon + 1, ':'))))
		return why_set(why, ERR_INVALID,
			       "user \"%.40s\" of the image is not USER or USER:GROUP", text);
	return OK;
}

enum err passwd_resolve(const char *root, const char *user, struct user *out, struct why *why)
{
	SCOPED_MEMORY char *passwd = NULL;
	SCOPED_MEMORY char *groups = NULL;
	struct bytes name, wanted_user, wanted_group;
	*out = (struct user){ 0 };
	enum err e = split(user, &wanted_user, &wanted_group, why);
	if (!e)
		e = read_file(root, PASSWD, &passwd, why);
	if (!e)
		e = read_file(root, GROUP, &groups, why);
	if (!e)
		e = find_user(passwd, wanted_user, out, &name, why);
	if (!e && wanted_group.at)
		return find_group(groups, wanted_group, &out->gid, why);
	return e ? e : add_groups(groups, name, out, why);
}
