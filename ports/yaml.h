/*
 * yaml - YAML documents as JSON trees that remember their lines.
 *
 * Plain scalars follow YAML 1.2's core schema: true, false, null, numbers;
 * everything else is a string. Aliases and tags are refused: manifests need
 * neither, and a billion laughs need both.
 *
 * Implementation: ports/linux/yaml_libyaml.c and yaml_print.c, the only files that see
 * libyaml.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "ports/json.h"

struct yaml_lines;

struct yaml_document {
	struct json *tree;
	struct yaml_lines *lines;
};

/* Read all documents of a text; at most `cap`. A reason begins with "line N: ". */
enum err yaml_parse(struct bytes text, struct yaml_document *out, size_t cap, size_t *out_count,
		    struct why *why);
void yaml_documents_free(struct yaml_document *documents, size_t count);

/* The line of the value at a path such as "spec.containers[0].image", or of
 * the nearest thing above it that has one. Lines count from 1. */
int yaml_line(const struct yaml_document *d, const char *path);

/* One document; the caller frees it. What is read back is the same tree. NULL: no memory. */
char *yaml_print(const struct json *tree);
