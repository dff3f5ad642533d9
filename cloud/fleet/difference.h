/*
 * difference - what a desired state says that another does not, field by field. Pure.
 *
 * Pods are the same where their names are, configs where kind and name are, elements of a list
 * such as containers where their names are; any other list is one value. What a Secret holds is
 * never told, only that it differs.
 */
#pragma once

#include "ports/json.h"

/*
 * From one state to another, either of them NULL for nothing:
 *   [{"kind", "name", "change", "fields": [{"path", "change", "before", "after"}]}]
 * `kind` is pod, policy, labels, agent, or a config's own; `name` is "" where there is one alone;
 * `change` is added, removed or changed. A field that was added has no `before`, one that was
 * removed no `after`, a secret one neither. The same: an empty list. The caller frees it.
 */
struct json *difference_of(const struct json *before, const struct json *after);
