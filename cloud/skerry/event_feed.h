/*
 * event_feed - events as they come, one line each, from the hub's database or from the broker.
 *
 * From the database what is there comes first. A row is told once: by the number that the
 * database gave it and by what it says, since a file gives numbers of removed rows again, and
 * hubs that write side by side may show a lower number after a higher one.
 *
 * From the broker come the letters of devices themselves: from now on, and without any hub. A
 * device sends a letter again until a hub has it; it is told once.
 */
#pragma once

#include "base/exit_code.h"
#include "cloud/skerry/options.h"

enum {
	EVENT_FEED_LOOK_BACK = 1024, /* rows that may be overtaken, or removed, between two looks */
	EVENT_FEED_LETTERS = 64, /* of one device that are known again; 40 are under way at most */
	EVENT_FEED_DEVICES = 4096,
};

/* Until ^C, --timeout, nobody reads any more, or where they come from goes away (exit 6). */
enum exit_code event_feed_from_database(struct options *o);
enum exit_code event_feed_from_broker(struct options *o);
