/* telemetry - who reads the points of a stream, and when they go. */
#pragma once

#include <stdbool.h>

/* ..._USUAL: what the board's configuration says. */
enum telemetry_ack { ACK_USUAL, ACK_HUB, ACK_BROKER, ACK_NONE };
enum telemetry_format { FORMAT_USUAL, FORMAT_COLUMNS, FORMAT_JSON, FORMAT_LINE };
enum telemetry_rank { RANK_NORMAL, RANK_HIGH, RANK_LOW };

struct telemetry_spec {
	enum telemetry_ack ack;
	enum telemetry_format format;
	enum telemetry_rank rank;
};

/* "hub", "broker", "none"; "columns", "json", "line"; "normal", "high", "low". False:
 * another word. */
bool telemetry_ack_read(const char *text, enum telemetry_ack *out);
bool telemetry_format_read(const char *text, enum telemetry_format *out);
bool telemetry_rank_read(const char *text, enum telemetry_rank *out);

/* Can these go together? Only columns have numbers that the hub can acknowledge. */
bool telemetry_fits(enum telemetry_ack ack, enum telemetry_format format);
