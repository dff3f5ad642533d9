/*
 * doctor - what is wrong with this board, and what to do about it.
 *
 * Compares the board with what Skerry needs, with its configuration and, where
 * there are any, with the written facts about it. Needs neither a network nor a
 * running agent. Leaves nothing behind: a group and a file are made to see that
 * they can be, and removed.
 */
#pragma once

#include "agent/config.h"
#include "agent/facts.h"

enum { FINDINGS_MAX = 20 };

enum grade {
	GRADE_OK,
	GRADE_WARN, /* it works, with a loss that `found` names */
	GRADE_FAIL, /* something that was configured or promised will not work */
};

struct finding {
	const char *check; /* one word */
	enum grade grade;
	char found[192];
	char remedy[256]; /* "" for GRADE_OK */
};

struct doctor {
	const struct config *config;
	const struct facts *facts; /* NULL: nobody wrote any down */
	struct finding findings[FINDINGS_MAX];
	size_t count;
};

/* Fill the findings; config and facts are set. As root: a cgroup is tried. */
void doctor_examine(struct doctor *d);

/* "ok", "warn" or "fail". */
const char *grade_name(enum grade g);
