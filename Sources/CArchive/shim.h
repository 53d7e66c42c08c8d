#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

/// archive_set_error(3), which is variadic, with EIO and a fixed text.
static inline void archive_set_error_text(struct archive *archive, const char *text) {
  archive_set_error(archive, EIO, "%s", text);
}
